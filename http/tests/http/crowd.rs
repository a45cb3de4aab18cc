//! More requests than places.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use crate::server::{PATIENT, TestServer, answer, config, status};
use http::{BodyPolicy, Response, Upgrade};
use net::{ListenerConfig, TrustedProxy};

const HALF: &str = "GET / HTTP/1.1\r\nHost: a\r\n";

/// Two places. `/stay` settles and keeps its place; anything else is answered.
fn small(connections_per_address: usize, trusted_proxies: Vec<TrustedProxy>) -> TestServer {
    let config =
        ListenerConfig { connections_max: 2, connections_per_address, trusted_proxies, ..config() };
    let staying: Mutex<Vec<Upgrade>> = Mutex::default();
    let stay = move |upgrade: Upgrade| {
        assert!(upgrade.permit.mark_established());
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        net::deadline::send_all(&*upgrade.stream, interim, std::time::Instant::now()).unwrap();
        staying.lock().unwrap().push(upgrade);
    };
    let hello = |_: http::Request<'_>| Response::text(200, "hello");
    TestServer::with(config, PATIENT, BodyPolicy::Ignored, hello, stay)
}

/// A connection that has its place for good.
fn settled(server: &TestServer, headers: &str) -> TcpStream {
    let mut client = server.say(&format!("GET /stay HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
    client.read_exact(&mut [0; 25]).unwrap();
    client
}

#[test]
fn the_oldest_half_sent_head_makes_place_for_a_newcomer() {
    let server = small(100, Vec::new());
    let first = server.say(HALF);
    server.until_connections(1);
    let second = server.say(HALF);
    server.until_connections(2);
    assert!(server.is_well());
    assert_eq!(answer(first), "", "the oldest was shut down");
    // The second still has its place: it may finish its sentence.
    let mut second = second;
    second.write_all(b"\r\n").unwrap();
    assert_eq!(status(&answer(second)), 200);
}

#[test]
fn a_flood_of_half_sent_heads_never_locks_anyone_out() {
    let server = small(100, Vec::new());
    for _ in 0..50 {
        let _half: Vec<TcpStream> = (0..10).map(|_| server.say(HALF)).collect();
        assert!(server.is_well());
    }
}

#[test]
fn when_all_are_settled_the_newcomer_hears_when_to_come_back() {
    let server = small(100, Vec::new());
    let _kept = [settled(&server, ""), settled(&server, "")];
    for _ in 0..50 {
        let answer = server.get("/");
        assert_eq!(status(&answer), 503);
        assert!(answer.contains("\r\nRetry-After: 2\r\n"), "{answer}");
        assert!(answer.contains(r#""code":"unavailable""#), "{answer}");
    }
    assert_eq!(server.serving.connections(), 2);
    // Also who is still sending: a plain close would answer with a reset. Linux delivers what came
    // before the reset, others do not; so it shows only in that sending more is no error.
    let mut early = server.call();
    let mut refused = String::new();
    early.read_to_string(&mut refused).unwrap();
    assert_eq!(status(&refused), 503);
    for _ in 0..20 {
        early.write_all(b"still speaking").unwrap();
    }
    let long = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32768\r\n\r\n{:32768}", "");
    for _ in 0..50 {
        assert_eq!(status(&server.ask(&long)), 503);
    }
}

#[test]
fn a_client_behind_a_proxy_has_its_own_share() {
    let server = small(1, vec!["127.0.0.1".parse().unwrap()]);
    let _kept = settled(&server, "X-Forwarded-For: 203.0.113.7\r\n");
    let from = |client: &str| {
        // The answer before comes a moment earlier than its permit is given back.
        server.until_connections(1);
        server.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n"))
    };
    let refused = from("203.0.113.7");
    assert_eq!(status(&refused), 429);
    assert!(refused.contains("\r\nRetry-After: "), "{refused}");
    assert_eq!(status(&from("203.0.113.8")), 200);
    assert_eq!(status(&from("198.51.100.1, 203.0.113.8")), 200, "the left one is hearsay");
    assert_eq!(status(&from("198.51.100.1, 203.0.113.7")), 429);
}

#[test]
fn without_a_trusted_proxy_the_header_means_nothing() {
    let server = small(1, Vec::new());
    let _kept = settled(&server, "X-Forwarded-For: 203.0.113.7\r\n");
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    assert_eq!(status(&answer), 200);
}
