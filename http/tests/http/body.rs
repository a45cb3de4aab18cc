//! Bodies, and their bounds.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::server::{PATIENCE, PATIENT, QUICK, TestServer, answer, status};

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
}

#[test]
fn a_body_is_read_exactly_also_when_it_comes_late_or_too_long() {
    let server = TestServer::echo(PATIENT);
    assert!(server.ask(&post("Content-Length: 5\r\n", "hello")).ends_with("\r\n\r\nhello"));
    assert!(server.ask(&post("Content-Length: 5\r\n", "hello and more")).contains("\r\n\r\nhello"));
    assert!(server.ask(&post("Content-Length: 0\r\n", "")).ends_with("\r\n\r\n"));
    let mut client = server.say(&post("Content-Length: 5\r\n", "he"));
    for byte in b"llo" {
        client.write_all(&[*byte]).unwrap();
    }
    assert!(answer(client).ends_with("\r\n\r\nhello"));
}

#[test]
fn no_length_is_no_body() {
    let server = TestServer::echo(PATIENT);
    assert_eq!(status(&server.ask(&post("", ""))), 200);
    // What follows is no body, but no request either.
    let answers = server.ask(&post("", "hello\r\n\r\n"));
    assert!(answers.starts_with("HTTP/1.1 200 ") && answers.contains("HTTP/1.1 400 "), "{answers}");
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

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn chunks_are_read_to_their_end_and_not_further() {
    let server = TestServer::echo(PATIENT);
    let chunks = "5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
    let two = post(CHUNKED, chunks) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = server.ask(&two);
    assert!(answers.contains("\r\n\r\nhello world"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    let mut client = server.call();
    for byte in post(CHUNKED, chunks).as_bytes() {
        client.write_all(&[*byte]).unwrap();
    }
    assert!(answer(client).ends_with("\r\n\r\nhello world"));
}

#[test]
fn the_bounds_of_chunks_are_exact() {
    let server = TestServer::echo(PATIENT);
    let of = |size: usize| post(CHUNKED, &format!("{size:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(size)));
    assert_eq!(status(&server.ask(&of(64))), 200);
    assert_eq!(status(&server.ask(&of(65))), 413);
    assert_eq!(status(&server.ask(&post(CHUNKED, "fffffffffffffff\r\n"))), 413);
    let line = |bytes: usize| post(CHUNKED, &format!("0{}\r\n\r\n", " ".repeat(bytes - 3)));
    assert_eq!(status(&server.ask(&line(http::limit::CHUNK_LINE_BYTES_MAX))), 200);
    assert_eq!(status(&server.ask(&line(http::limit::CHUNK_LINE_BYTES_MAX + 1))), 400);
    let trailers = |bytes: usize| {
        post(CHUNKED, &format!("0\r\nX: {}\r\n\r\n", "y".repeat(bytes - "X: \r\n\r\n".len())))
    };
    assert_eq!(status(&server.ask(&trailers(http::limit::TRAILER_BYTES_MAX))), 200);
    assert_eq!(status(&server.ask(&trailers(http::limit::TRAILER_BYTES_MAX + 1))), 400);
}

#[test]
fn malformed_chunks_are_refused() {
    let server = TestServer::echo(PATIENT);
    for chunks in [
        "\r\n",
        "g\r\n",
        "5\nhello",
        "5\r\nhello5\r\n",
        "-1\r\n",
        "0x5\r\n",
        "10000000000000000\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        "0\r\nX: a\rb\r\n\r\n",
        "0\r\nX: a\u{7f}\r\n\r\n",
    ] {
        assert_eq!(status(&server.ask(&post(CHUNKED, chunks))), 400, "{chunks:?}");
    }
    assert!(server.is_well());
}

#[test]
fn encoded_bodies_are_refused() {
    let server = TestServer::echo(PATIENT);
    let refused = server.ask(&post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "ab"));
    assert!(status(&refused) == 415 && refused.contains("Content-Encoding"), "{refused}");
    let plain = server.ask(&post("Content-Encoding: identity\r\nContent-Length: 2\r\n", "ab"));
    assert_eq!(status(&plain), 200);
}

#[test]
fn a_refusal_arrives_however_much_is_still_being_sent() {
    let server = TestServer::echo(PATIENT);
    let mut client = server.say(&post("Content-Length: 10000000\r\n", ""));
    client.write_all(&vec![b'x'; 10_000_000]).unwrap();
    assert_eq!(status(&answer(client)), 413);
}

#[test]
fn a_body_can_be_read_while_it_comes() {
    let (tell, told) = std::sync::mpsc::sync_channel(10);
    let count = move |request: http::Request<'_>| {
        let http::Body::Stream(mut body) = request.body else { panic!("not streamed") };
        let mut some = [0; 4];
        loop {
            match body.read(&mut some) {
                Ok(0) => return http::Response::no_content(),
                Ok(count) => tell.send(some[..count].to_vec()).unwrap(),
                Err(error) => return http::HttpError::from_io(&error).into(),
            }
        }
    };
    let policy = http::BodyPolicy::Stream(8);
    let server = TestServer::with(crate::server::config(), PATIENT, policy, count, drop);
    let mut client = server.say(&post(CHUNKED, "3\r\nabc\r\n"));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), b"abc");
    client.write_all(b"3\r\ndef\r\n0\r\n\r\n").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), b"def");
    assert_eq!(status(&answer(client)), 204);
    let too_long = server.ask(&post(CHUNKED, "3\r\nabc\r\n6\r\nabcdef\r\n"));
    assert_eq!(status(&too_long), 413);
    assert_eq!(status(&server.ask(&post("Content-Length: 9\r\n", ""))), 413);
    assert_eq!(status(&server.ask(&post("Content-Length: 8\r\n", "ab"))), 400, "it broke off");
}

#[test]
fn a_stream_below_the_least_rate_is_cut() {
    let read = |request: http::Request<'_>| {
        let http::Body::Stream(mut body) = request.body else { panic!("not streamed") };
        match std::io::copy(&mut body, &mut std::io::sink()) {
            Ok(_) => http::Response::no_content(),
            Err(error) => http::HttpError::from_io(&error).into(),
        }
    };
    let policy = http::BodyPolicy::Stream(1 << 20);
    let server = TestServer::with(crate::server::config(), QUICK, policy, read, drop);
    let begun = Instant::now();
    let sent = server.say(&post("Content-Length: 1000\r\n", "x"));
    assert_eq!(status(&crate::server::heard(sent)), 408);
    assert!(begun.elapsed() >= QUICK.body);
    // Bytes that came earn time beyond the grace.
    let rate = http::limit::BODY_BYTES_PER_SECOND_MIN as usize;
    let begun = Instant::now();
    let mut sent =
        server.say(&post(&format!("Content-Length: {}\r\n", 5 * rate), &"x".repeat(rate)));
    for _ in 0..4 {
        std::thread::sleep(QUICK.body / 2);
        sent.write_all(&vec![b'x'; rate]).unwrap();
    }
    assert_eq!(status(&answer(sent)), 204);
    assert!(begun.elapsed() >= QUICK.body);
    // Ten seconds' worth of bytes allow no pause that is longer than the grace.
    let begun = Instant::now();
    let sent = server.say(&post("Content-Length: 100000\r\n", &"x".repeat(10 * rate)));
    assert_eq!(status(&crate::server::heard(sent)), 408);
    assert!((QUICK.body..Duration::from_secs(5)).contains(&begun.elapsed()));
}
