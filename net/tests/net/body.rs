//! Bodies, and their bounds.

use std::io::{Read, Write};
use std::time::Instant;

use crate::server::{PATIENCE, PATIENT, QUICK, TestServer, answer, status};

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
}

#[test]
fn a_body_is_read_exactly_also_when_it_comes_late_or_too_long() {
    let server = TestServer::echo(PATIENT);
    assert!(server.ask(&post("Content-Length: 5\r\n", "hello")).ends_with("\r\n\r\nhello"));
    assert!(
        server.ask(&post("Content-Length: 5\r\n", "hello and more")).ends_with("\r\n\r\nhello")
    );
    assert!(server.ask(&post("Content-Length: 0\r\n", "")).ends_with("\r\n\r\n"));
    let mut client = server.say(&post("Content-Length: 5\r\n", "he"));
    for byte in b"llo" {
        client.write_all(&[*byte]).unwrap();
    }
    assert!(answer(client).ends_with("\r\n\r\nhello"));
}

#[test]
fn no_length_is_no_body_but_a_body_needs_its_length() {
    let server = TestServer::echo(PATIENT);
    assert_eq!(status(&server.ask(&post("", ""))), 200);
    assert_eq!(status(&server.ask(&post("", "hello"))), 411);
}

#[test]
fn the_bound_is_exact_and_a_terabyte_is_refused_unread() {
    let server = TestServer::echo(PATIENT);
    let of = |length: u64| post(&format!("Content-Length: {length}\r\n"), "");
    let largest = server.ask(&(of(64) + &"x".repeat(64)));
    assert_eq!(status(&largest), 200);
    for length in [65, 1_000_000_000_000, u64::MAX] {
        let answer = server.ask(&of(length));
        assert_eq!(status(&answer), 413);
        assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    }
    assert!(server.is_well());
}

#[test]
fn a_client_still_sending_hears_why_it_is_refused() {
    let server = TestServer::echo(PATIENT);
    for _ in 0..20 {
        // 200 KB that nobody asked for: a plain close would answer them with a reset.
        let mut client = server.say(&post("Content-Length: 1000000\r\n", ""));
        client.write_all(&vec![b'x'; 200_000]).unwrap();
        assert_eq!(status(&answer(client)), 413);
    }
}

#[test]
fn who_expects_to_be_asked_is_asked() {
    let server = TestServer::echo(PATIENT);
    let mut client = server.say(&post("Content-Length: 5\r\nExpect: 100-continue\r\n", ""));
    let mut interim = [0; 25];
    client.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").unwrap();
    assert!(answer(client).starts_with("HTTP/1.1 200 "));
    let refused = server.ask(&post("Content-Length: 500\r\nExpect: 100-continue\r\n", ""));
    assert_eq!(status(&refused), 413, "and not asked in vain");
    let odd = server.ask(&post("Content-Length: 5\r\nExpect: magic\r\n", ""));
    assert_eq!(status(&odd), 417);
}

#[test]
fn a_body_that_trickles_is_cut_at_the_deadline() {
    let server = TestServer::echo(QUICK);
    let mut client = server.say(&post("Content-Length: 60\r\n", ""));
    client.set_read_timeout(Some(QUICK.body / 10)).unwrap();
    let (begun, mut come) = (Instant::now(), Vec::new());
    while come.is_empty() && begun.elapsed() < PATIENCE {
        let _ = client.write_all(b"x");
        let mut some = [0; 512];
        if let Ok(count) = client.read(&mut some) {
            come.extend_from_slice(&some[..count]);
        }
    }
    assert!(come.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&come));
    assert!(begun.elapsed() >= QUICK.body && begun.elapsed() < 4 * QUICK.body);
}

#[test]
fn a_body_that_breaks_off_ends_quietly() {
    let server = TestServer::echo(PATIENT);
    let client = server.say(&post("Content-Length: 5\r\n", "he"));
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(status(&answer(client)), 400);
    server.until_connections(0);
}
