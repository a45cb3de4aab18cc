use std::io::Write as _;
use std::sync::Arc;

use http::{Body, Head};
use os_thread::SERVICE_STACK_BYTES;

use super::*;

/// Connections, and the listener that they lead to.
fn connections() -> (Connections, std::os::unix::net::UnixListener) {
    let (socket, listener) = PrivateSocket::create().unwrap();
    (Connections::new(socket), listener)
}

/// A connection and the library's end of it.
fn link(connections: &Connections) -> (Link, UnixStream) {
    let (stream, theirs) = UnixStream::pair().unwrap();
    (Link { stream, generation: connections.lock().generation }, theirs)
}

/// One is being opened, for as long as the test goes on.
fn take_turn_to_open(connections: &Connections) {
    assert!(matches!(connections.lock().turn(false), Some(Turn::Open)));
}

/// The client at 192.0.2.`last`.
fn client(last: u8) -> Network {
    Network::narrowest([192, 0, 2, last].into())
}

fn idle(connections: &Connections) -> usize {
    connections.lock().idle.len()
}

#[test]
fn a_connection_to_a_library_that_was_replaced_is_not_kept() {
    let (connections, _listener) = connections();
    let (in_use, _a) = link(&connections);
    connections.keep(link(&connections).0);
    assert_eq!(idle(&connections), 1);
    connections.clear();
    assert_eq!(idle(&connections), 0);
    connections.keep(in_use);
    assert_eq!(idle(&connections), 0);
    connections.keep(link(&connections).0);
    assert_eq!(idle(&connections), 1);
}

#[test]
fn a_response_that_nobody_has_asked_for_reaches_nobody() {
    let (connections, listener) = connections();
    let (kept, mut theirs) = link(&connections);
    theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    connections.keep(kept);
    // Nobody accepts any more: what is not answered from the kept connection is not answered at all.
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
    let request = http::Request {
        id: "r-7".to_owned(),
        address: "192.0.2.1".parse().unwrap(),
        head: Head::parse(b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n").unwrap(),
        body: Body::Whole(Vec::new()),
        is_https: false,
        may_use_cookie: true,
    };
    assert_eq!(
        connections.call(&request).map(drop).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(idle(&connections), 0);
}

#[test]
fn all_that_wait_for_their_turn_fail_with_the_one_before() {
    // It takes connections in, and never answers.
    let (connections, _listener) = connections();
    let connections = Arc::new(connections);
    let begun = Instant::now();
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let connections = Arc::clone(&connections);
            let open = move || assert!(connections.open().is_err());
            os_thread::spawn("opens", SERVICE_STACK_BYTES, open).unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(begun.elapsed() < 3 * PROBE_DEADLINE, "{:?}", begun.elapsed());
}

#[test]
fn a_turn_is_waited_for_until_the_deadline_and_no_longer() {
    let (connections, _listener) = connections();
    take_turn_to_open(&connections);
    let begun = Instant::now();
    let error = connections.open().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() >= TURN_DEADLINE);
}

#[test]
fn who_waits_for_a_connection_takes_one_that_becomes_free() {
    let (connections, _listener) = connections();
    take_turn_to_open(&connections);
    let connections = Arc::new(connections);
    let (theirs, begun) = (Arc::clone(&connections), Instant::now());
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let wait = move || sender.send(theirs.free(Class::Read, client(1)).is_ok()).unwrap();
    let thread = os_thread::spawn("waits", SERVICE_STACK_BYTES, wait).unwrap();
    let (kept, _theirs) = link(&connections);
    connections.keep(kept);
    assert!(receiver.recv_timeout(TURN_DEADLINE).unwrap());
    assert!(begun.elapsed() < TURN_DEADLINE);
    thread.join().unwrap();
}

#[test]
fn those_that_wait_get_connections_in_turn() {
    let (connections, _listener) = connections();
    take_turn_to_open(&connections);
    let connections = Arc::new(connections);
    let (sender, served) = std::sync::mpsc::sync_channel(5);
    let mut threads = Vec::new();
    // Of 192.0.2.1 three that change something and one that reads, then one that changes something of 192.0.2.2.
    for (class, last) in [
        (Class::Change, 1),
        (Class::Change, 1),
        (Class::Change, 1),
        (Class::Read, 1),
        (Class::Change, 2),
    ] {
        let (theirs, sender) = (Arc::clone(&connections), sender.clone());
        let wait = move || {
            theirs.free(class, client(last)).unwrap();
            sender.send((class, last)).unwrap();
        };
        threads.push(os_thread::spawn("waits", SERVICE_STACK_BYTES, wait).unwrap());
        let deadline = Instant::now() + TURN_DEADLINE;
        while connections.lock().turns.len() < threads.len() {
            assert!(Instant::now() < deadline, "it does not wait");
            thread::yield_now();
        }
    }
    let mut theirs = Vec::new();
    let order: Vec<_> = (0..5)
        .map(|_| {
            let (free, end) = link(&connections);
            theirs.push(end);
            connections.keep(free);
            served.recv_timeout(TURN_DEADLINE).unwrap()
        })
        .collect();
    let (read, change) = (Class::Read, Class::Change);
    assert_eq!(order, [(read, 1), (change, 1), (change, 2), (change, 1), (change, 1)]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn who_comes_later_does_not_take_what_another_waits_for() {
    let (connections, _listener) = connections();
    take_turn_to_open(&connections);
    let connections = Arc::new(connections);
    let theirs = Arc::clone(&connections);
    let wait = move || theirs.free(Class::Read, client(1)).is_ok();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let wait = move || sender.send(wait()).unwrap();
    let thread = os_thread::spawn("waits", SERVICE_STACK_BYTES, wait).unwrap();
    let deadline = Instant::now() + TURN_DEADLINE;
    while connections.lock().turns.len() == 0 {
        assert!(Instant::now() < deadline, "it does not wait");
        thread::yield_now();
    }
    let (kept, _theirs) = link(&connections);
    connections.keep(kept);
    // It may still be asleep, but the connection is its own.
    assert!(connections.lock().turn(true).is_none());
    assert!(receiver.recv_timeout(TURN_DEADLINE).unwrap());
    thread.join().unwrap();
}
