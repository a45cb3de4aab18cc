//! Clients that mean harm.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::server::{PATIENCE, PATIENT, QUICK, TestServer, answer, config, heard, status};
use http::Response;
use net::metrics::{Cause, named};

#[test]
fn half_sent_heads_by_the_hundred_do_not_disturb() {
    let server = TestServer::greeting(PATIENT);
    let _half: Vec<TcpStream> =
        (0..400).map(|_| server.say("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")).collect();
    server.until_connections(400);
    let begun = Instant::now();
    assert!(server.is_well());
    assert!(begun.elapsed().as_secs() < 2, "answered after {:?}", begun.elapsed());
}

#[test]
fn a_head_at_a_byte_a_moment_is_cut_at_the_deadline() {
    let server = TestServer::greeting(QUICK);
    let before = named("chat").refusals(Cause::HeadTimeout);
    let begun = Instant::now();
    let mut client = server.say("GET / HTTP/1.1\r\nX-Slow: ");
    client.set_read_timeout(Some(QUICK.head / 10)).unwrap();
    let mut come = Vec::new();
    while come.is_empty() && begun.elapsed() < PATIENCE {
        let _ = client.write_all(b"x");
        let mut some = [0; 512];
        if let Ok(count) = client.read(&mut some) {
            come.extend_from_slice(&some[..count]);
        }
    }
    assert!(come.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&come));
    assert!(begun.elapsed() >= QUICK.head && begun.elapsed() < 4 * QUICK.head);
    assert!(named("chat").refusals(Cause::HeadTimeout) > before);
    drop(client);
    server.until_connections(0);
}

#[test]
fn a_silent_connection_ends_at_the_deadline_without_a_word() {
    let server = TestServer::greeting(QUICK);
    assert_eq!(heard(server.call()), "");
}

#[test]
fn heads_without_an_end_are_refused_at_the_bound() {
    let server = TestServer::greeting(PATIENT);
    let mut client = server.say("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    // The server may hang up before all of it has been sent.
    let _ = client.write_all(&vec![b'y'; 200_000]);
    assert_eq!(status(&answer(client)), 431);
    let many = "X: y\r\n".repeat(65);
    assert_eq!(status(&server.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"))), 431);
    assert!(server.is_well());
}

#[test]
fn smuggled_requests_are_refused() {
    let server = TestServer::echo(PATIENT);
    let inner = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    for (headers, expected) in [
        ("Content-Length: 5\r\nContent-Length: 50\r\n", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding\r\n : chunked\r\n", 400),
        ("Content-Length: 5\r\n\t0\r\n", 400),
        ("Content-Length: 0005x\r\n", 400),
        ("X: a\nContent-Length: 50\r\n", 400),
        ("Host: b\r\n", 400),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n0\r\n\r\n{inner}");
        let answer = server.ask(&request);
        assert_eq!(status(&answer), expected, "{headers}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "one answer to {headers}");
        assert!(answer.contains(r#""error":"#) && answer.contains(r#""code":"#), "{answer}");
    }
}

#[test]
fn what_is_not_http_is_refused_at_once() {
    let server = TestServer::greeting(PATIENT);
    let begun = Instant::now();
    for noise in ["\x16\x03\x01\x00\x02", "\n", "SSH-2.0-x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n"] {
        assert!(status(&server.ask(noise)) >= 400, "{noise:?}");
    }
    assert!(begun.elapsed() < PATIENT.head / 2);
}

#[test]
fn a_client_that_does_not_read_its_reply_is_dropped() {
    let server = TestServer::open(config(), QUICK, |_| {
        Response::bytes(200, "application/octet-stream", vec![0; 32 << 20])
    });
    let _deaf = server.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.until_connections(1);
    server.until_connections(0);
}

#[test]
fn a_client_that_never_stops_sending_is_left_after_a_time() {
    let server = TestServer::greeting(PATIENT);
    let mut client =
        server.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    let (chunk, begun) = (vec![b'x'; 64 * 1024], Instant::now());
    while client.write_all(&chunk).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is listened to for ever");
    }
    assert!(begun.elapsed() >= PATIENT.linger, "the answer may be lost: {:?}", begun.elapsed());
    server.until_connections(0);
}

#[test]
fn what_was_no_request_is_listened_to_for_its_share() {
    // The time to linger is not what ends it.
    let server = TestServer::greeting(http::Deadlines { linger: PATIENCE, ..PATIENT });
    let mut client = server.say("nonsense\n");
    let chunk = vec![b'x'; 64 * 1024];
    let taken = (0..2000).take_while(|_| client.write_all(&chunk).is_ok()).count();
    assert!(taken < 2000, "125 MiB were listened to");
    server.until_connections(0);
}

#[test]
fn a_panic_ends_one_connection() {
    let server = TestServer::open(config(), PATIENT, |request| {
        assert_ne!(request.head.path(), "/panic", "on purpose");
        Response::text(200, "hello")
    });
    for _ in 0..3 {
        assert_eq!(server.get("/panic"), "");
    }
    assert!(server.is_well() && server.serving.is_accepting());
    server.until_connections(0);
}
