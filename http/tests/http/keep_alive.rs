//! Several requests on one connection.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use http::limit::{DISCARDED_BYTES_MAX, REQUESTS_PER_CONNECTION_MAX};
use http::{BodyPolicy, Deadlines, Response};
use net::ListenerConfig;

use crate::server::{PATIENCE, PATIENT, QUICK, TestServer, answer, config, heard, status};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::open(config(), PATIENT, |request| {
        Response::text(200, request.head.path().to_owned())
    });
    let all: String = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let answers = server.ask(&all);
    let bodies: Vec<_> = answers.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(bodies.len(), 50);
    for (number, body) in bodies.iter().enumerate() {
        assert!(body.ends_with(&format!("\r\n\r\n/{number}")), "{body}");
    }
    assert!(!answers.contains("Connection: close"), "{answers}");
}

#[test]
fn a_stray_line_end_between_requests_is_ignored() {
    let server = TestServer::echo(PATIENT);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\r\n";
    let answers = server.ask(&format!("\r\n{post}{GET}"));
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert_eq!(status(&server.ask(&format!("\r\n\r\n{GET}"))), 400, "one is enough");
}

#[test]
fn a_client_that_wants_the_end_gets_it() {
    let server = TestServer::greeting(PATIENT);
    for (line, header) in [("GET / HTTP/1.1", "Connection: close\r\n"), ("GET / HTTP/1.0", "")] {
        let answer = heard(server.say(&format!("{line}\r\nHost: a\r\n{header}\r\n")));
        assert!(status(&answer) == 200 && answer.contains("Connection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_connection_has_so_many_requests() {
    let server = TestServer::greeting(PATIENT);
    let mut client = server.call();
    let mut reader = client.try_clone().unwrap();
    let reading = os_thread::spawn("reads", 1 << 20, move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let count = text.matches("HTTP/1.1 200 ").count();
        assert_eq!(count, REQUESTS_PER_CONNECTION_MAX as usize);
        assert_eq!(text.matches("Connection: close").count(), 1);
    });
    for _ in 0..=REQUESTS_PER_CONNECTION_MAX {
        let _ = client.write_all(GET.as_bytes());
    }
    reading.unwrap().join().unwrap();
}

#[test]
fn an_idle_connection_ends_without_a_word() {
    let server = TestServer::greeting(QUICK);
    let begun = Instant::now();
    let answer = heard(server.say(GET));
    assert_eq!((status(&answer), answer.matches("HTTP/1.1").count()), (200, 1));
    assert!(begun.elapsed() >= QUICK.idle, "{:?}", begun.elapsed());
}

#[test]
fn the_time_for_a_head_begins_with_its_first_byte() {
    let deadlines = Deadlines { idle: PATIENCE, ..QUICK };
    let server = TestServer::greeting(deadlines);
    let mut client = server.say(GET);
    let begun = Instant::now();
    while begun.elapsed() < 2 * QUICK.head {
        std::thread::park_timeout(QUICK.head);
    }
    client.write_all(GET.as_bytes()).unwrap();
    client.write_all(b"GET / HT").unwrap();
    let answers = heard(client);
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 408 ").count(), 1, "{answers}");
}

#[test]
fn an_idle_connection_makes_place_for_a_newcomer() {
    let config = ListenerConfig { connections_max: 1, ..config() };
    let server = TestServer::open(config, PATIENT, |_| Response::text(200, "hello"));
    let mut idle = server.say(GET);
    idle.read_exact(&mut [0; 12]).unwrap();
    // Its response may still be on the way out.
    crate::server::until(|| server.is_well());
    assert!(heard(idle).ends_with("hello"));
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let server = TestServer::greeting(PATIENT);
    let mut idle = server.say(GET);
    idle.read_exact(&mut [0; 12]).unwrap();
    server.shutdown.begin();
    assert!(server.serving.wait(PATIENCE));
}

#[test]
fn after_the_shutdown_has_begun_a_response_is_the_last() {
    let server = TestServer::echo(PATIENT);
    let mut client = server.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    server.until_connections(1);
    server.shutdown.begin();
    client.write_all(b"ok").unwrap();
    assert!(heard(client).contains("Connection: close\r\n"));
}

#[test]
fn an_unread_body_is_thrown_away_up_to_a_bound() {
    let hello = |_: http::Request<'_>| Response::text(200, "hello");
    let server = TestServer::with(config(), PATIENT, BodyPolicy::Ignored, hello, drop);
    let post = |length: usize| {
        let body = "x".repeat(length);
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}{GET}")
    };
    let count = |answers: &str| answers.matches("HTTP/1.1 200 ").count();
    assert_eq!(count(&server.ask(&post(DISCARDED_BYTES_MAX))), 2);
    assert_eq!(count(&server.ask(&post(DISCARDED_BYTES_MAX + 1))), 1, "the connection ends");
}

#[test]
fn every_request_has_a_name_of_its_own_unless_a_trusted_proxy_gives_one() {
    let named = |proxies: Vec<net::TrustedProxy>| {
        let config = ListenerConfig { trusted_proxies: proxies, ..config() };
        let server = TestServer::open(config, PATIENT, |request| Response::text(200, request.id));
        let given = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: given-7\r\n\r\n";
        let unfit = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a b\r\n\r\n";
        let answers = server.ask(&format!("{GET}{given}{unfit}"));
        let ids = answers.split("X-Request-Id: ").skip(1);
        let ids: Vec<_> = ids.map(|text| text.split("\r\n").next().unwrap().to_owned()).collect();
        for id in &ids {
            assert!(answers.contains(&format!("\r\n\r\n{id}")), "{answers}");
        }
        ids
    };
    let own = named(Vec::new());
    assert!(
        own.len() == 3 && own[0] != own[1] && own[1] != own[2] && own[1] != "given-7",
        "{own:?}"
    );
    let trusted = named(vec!["127.0.0.1".parse().unwrap()]);
    assert!(trusted[1] == "given-7" && trusted[2] != "a b", "{trusted:?}");
}

#[test]
fn https_is_kept_to_where_a_trusted_proxy_says_that_it_was_used() {
    let sts = |proxies: Vec<net::TrustedProxy>| {
        let config = ListenerConfig { trusted_proxies: proxies, ..config() };
        let server = TestServer::open(config, PATIENT, |_| Response::no_content());
        let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
        server.ask(request).contains("Strict-Transport-Security: ")
    };
    assert!(sts(vec!["127.0.0.1".parse().unwrap()]) && !sts(Vec::new()));
}

#[test]
fn a_proxy_header_names_the_client_if_the_proxy_is_trusted() {
    let seen = |proxies: Vec<net::TrustedProxy>, header: &[u8]| {
        let config = ListenerConfig { trusted_proxies: proxies, ..config() };
        let server =
            TestServer::open(config, PATIENT, |it| Response::text(200, it.address.to_string()));
        let mut client = server.call();
        client.write_all(&[header, GET.as_bytes()].concat()).unwrap();
        answer(client)
    };
    let trusted = || vec!["127.0.0.1".parse().unwrap()];
    let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n";
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x09\0\x01\0\x02";
    for header in [&v1[..], v2] {
        assert!(seen(trusted(), header).ends_with("\r\n\r\n203.0.113.7"));
        assert!(status(&seen(Vec::new(), header)) >= 400);
    }
    assert!(seen(trusted(), b"").ends_with("\r\n\r\n127.0.0.1"));
    assert_eq!(seen(trusted(), b"PROXY nonsense\r\n"), "");
}

#[test]
fn an_idle_connection_of_a_proxy_is_counted_for_no_client() {
    let config = ListenerConfig {
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        connections_per_address: 1,
        ..config()
    };
    let server = TestServer::open(config, PATIENT, |_| Response::text(200, "hello"));
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
    let mut idle = server.say(request);
    idle.read_exact(&mut [0; 12]).unwrap();
    // Its response may still be on the way out.
    crate::server::until(|| status(&server.ask(request)) == 200);
    idle.write_all(request.as_bytes()).unwrap();
    assert_eq!(answer(idle).matches("hello").count(), 2);
}

#[test]
fn files_and_streams_are_sent() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    std::fs::write(&path, vec![b'f'; 100_000]).unwrap();
    let server = TestServer::open(config(), PATIENT, move |request| match request.head.path() {
        "/file" => {
            let file = std::fs::File::open(&path).unwrap();
            Response::file(200, "text/plain", file, 100_000)
        }
        "/breaks" => Response::stream(200, "text/plain", Breaking(false)),
        _ => Response::stream(200, "text/plain", std::io::repeat(b's').take(100_000)),
    });
    let get = |path: &str, version: &str| {
        server.ask(&format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n"))
    };
    let file = get("/file", "1.1");
    assert!(file.contains("Content-Length: 100000\r\n"));
    assert_eq!(file.split_once("\r\n\r\n").unwrap().1, "f".repeat(100_000));
    let stream = get("/stream", "1.1");
    assert!(stream.contains("Transfer-Encoding: chunked\r\n") && stream.ends_with("\r\n0\r\n\r\n"));
    let old = get("/stream", "1.0");
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Transfer-Encoding") && !head.contains("Content-Length"), "{head}");
    assert_eq!(body.len(), 100_000);
    // A stream that breaks off does not end as a whole one.
    assert!(get("/breaks", "1.1").ends_with("\r\n\r\n4\r\nhalf\r\n"));
}

struct Breaking(bool);

impl Read for Breaking {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(std::io::Error::other("the database is away"));
        }
        out[..4].copy_from_slice(b"half");
        Ok(4)
    }
}

#[test]
fn a_delayed_refusal_is_held_back() {
    let server =
        TestServer::open(config(), PATIENT, |_| Response::error(429, "busy", "no").delayed());
    let begun = Instant::now();
    assert_eq!(status(&server.get("/")), 429);
    assert!(begun.elapsed() >= PATIENT.refusal.min(Duration::from_secs(1)));
}

#[test]
fn options_may_ask_about_the_whole_server() {
    let server = TestServer::greeting(PATIENT);
    let answer = server.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(status(&answer) == 204 && answer.contains("\r\nAllow: "), "{answer}");
    assert!(!answer.contains("Content-Length"), "{answer}");
}
