//! How it ends.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server::{PATIENCE, PATIENT, TestServer, answer, config, heard, status, until};
use http::{BodyPolicy, Response};
use net::Listener;
use net::limit::DRAIN_GRACE;

#[test]
fn an_idle_house_closes_at_once_and_its_port_is_free() {
    let server = TestServer::greeting(PATIENT);
    assert!(server.is_well());
    server.shutdown.begin();
    assert!(server.serving.wait(PATIENCE));
    until(|| !server.serving.is_accepting());
    until(|| TcpStream::connect(server.address).is_err());
    assert!(Listener::bind_address(server.address).is_ok());
}

#[test]
fn what_was_accepted_is_finished() {
    let read = |request: http::Request<'_>| {
        let http::Body::Stream(mut body) = request.body else { panic!("not streamed") };
        let mut bytes = Vec::new();
        match std::io::Read::read_to_end(&mut body, &mut bytes) {
            Ok(_) => Response::bytes(200, "text/plain", bytes),
            Err(error) => http::HttpError::from_io(&error).into(),
        }
    };
    let server = TestServer::with(config(), PATIENT, BodyPolicy::Stream(64), read, drop);
    let mut client = server.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    server.until_connections(1);
    let asked = server.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    assert!(answer(asked).ends_with("ok"));
    server.shutdown.begin();
    assert!(!server.serving.wait(Duration::from_millis(50)));
    client.write_all(b"hello").unwrap();
    assert_eq!(status(&answer(client)), 200);
    assert!(server.serving.wait(PATIENCE));
}

#[test]
fn who_only_waits_does_not_hold_up_the_end() {
    let server = TestServer::greeting(PATIENT);
    let _spare = server.call();
    server.until_connections(1);
    server.shutdown.begin();
    let begun = Instant::now();
    assert!(server.serving.wait(PATIENCE));
    assert!(begun.elapsed() < DRAIN_GRACE * 3, "{:?}", begun.elapsed());
}

#[test]
fn a_connection_ends_with_the_response_in_progress() {
    let (send, pieces) = std::sync::mpsc::sync_channel::<()>(1);
    let pieces = std::sync::Mutex::new(Some(pieces));
    let respond = move |_: http::Request<'_>| {
        let pieces = pieces.lock().unwrap().take().unwrap();
        Response::stream(200, "text/plain", Held(pieces))
    };
    let server = TestServer::open(config(), PATIENT, respond);
    let mut client = server.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The head is on its way, and does not say that the connection ends.
    std::io::Read::read_exact(&mut client, &mut [0; 12]).unwrap();
    server.shutdown.begin();
    drop(send);
    client.set_read_timeout(Some(PATIENCE / 2)).unwrap();
    let text = heard(client);
    assert!(!text.contains("Connection: close") && text.ends_with("\r\n0\r\n\r\n"), "{text}");
}

/// Ends when the other side of the channel is dropped.
struct Held(std::sync::mpsc::Receiver<()>);

impl std::io::Read for Held {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        assert!(self.0.recv_timeout(PATIENCE).is_err());
        Ok(0)
    }
}

#[test]
fn who_will_not_go_is_given_up_at_the_deadline() {
    let server = {
        let stay = |upgrade: http::Upgrade| {
            upgrade.permit.mark_established();
            let _ = std::io::Read::read(&mut &*upgrade.stream, &mut [0]);
        };
        let none = |_: http::Request<'_>| Response::no_content();
        TestServer::with(config(), PATIENT, BodyPolicy::Ignored, none, stay)
    };
    let _client = server.say("GET /stay HTTP/1.1\r\nHost: a\r\n\r\n");
    server.until_connections(1);
    server.shutdown.begin();
    assert!(!server.serving.wait(Duration::from_millis(100)));
}

#[test]
fn a_shutdown_that_has_begun_is_not_missed() {
    let listener = Listener::bind_address("127.0.0.1:0".parse().unwrap()).unwrap();
    let shutdown = net::Shutdown::new();
    shutdown.begin();
    let none = |_: http::Request<'_>| Response::no_content();
    let serving = crate::server::serve(
        listener,
        config(),
        PATIENT,
        &shutdown,
        BodyPolicy::Ignored,
        none,
        drop,
    );
    until(|| !serving.is_accepting());
}
