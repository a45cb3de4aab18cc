//! What a well-behaved client sees.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::sync_channel;

use crate::server::{PATIENT, QUICK, TestServer, answer, config, until};
use http::{BodyPolicy, Request, Response, Upgrade};
use net::{Listener, Shutdown};

#[test]
fn a_request_is_answered() {
    let server = TestServer::greeting(PATIENT);
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!((lines.next(), body), (Some("HTTP/1.1 200 OK"), "hello"));
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let value = |name| headers.iter().find(|header| header.0 == name).unwrap().1;
    assert_eq!(value("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(value("Content-Length"), "5");
    assert_eq!(value("Connection"), "close");
    assert_eq!(value("Cache-Control"), "no-store");
    assert_eq!(value("X-Content-Type-Options"), "nosniff");
    assert_eq!(value("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(value("Referrer-Policy"), "no-referrer");
    assert_eq!(value("Cross-Origin-Opener-Policy"), "same-origin");
    assert_eq!(value("Cross-Origin-Resource-Policy"), "same-origin");
    assert!(value("Date").ends_with(" GMT"), "{answer}");
    assert!(!value("X-Request-Id").is_empty());
    assert_eq!(headers.len(), 12, "{answer}");
    server.until_connections(0);
}

#[test]
fn a_head_request_gets_no_body() {
    let server = TestServer::greeting(PATIENT);
    let answer = server.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.contains("Content-Length: 5\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_head_may_come_in_pieces() {
    let server = TestServer::greeting(PATIENT);
    let mut client = server.call();
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    assert!(answer(client).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_large_head_arrives_whole() {
    let server = TestServer::open(config(), PATIENT, |request| {
        let length = request.head.header("x-large").map_or(0, str::len);
        Response::text(200, length.to_string())
    });
    let large = "y".repeat(15_000);
    let answer = server.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Large: {large}\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\n15000"), "{answer}");
}

#[test]
fn what_follows_the_head_is_handed_over_with_the_socket() {
    let (send, received) = sync_channel(1);
    let stay = move |upgrade: Upgrade| {
        let mut next = [0; 4];
        // The socket waits past every deadline of the listener: no time-out was left on it.
        (&*upgrade.stream).read_exact(&mut next).unwrap();
        send.send((upgrade.rest, next, upgrade.stream.nodelay().unwrap())).unwrap();
    };
    let none = |_: Request<'_>| Response::no_content();
    let server = TestServer::with(config(), QUICK, BodyPolicy::Ignored, none, stay);
    let mut client = server.say("GET /stay HTTP/1.1\r\nHost: a\r\n\r\nearly");
    server.until_connections(1);
    let begun = std::time::Instant::now();
    until(|| begun.elapsed() > QUICK.head + QUICK.body);
    client.write_all(b"late").unwrap();
    assert_eq!(received.recv().unwrap(), (b"early".to_vec(), *b"late", true));
}

#[test]
fn connections_have_numbers_of_their_own() {
    let server = TestServer::open(config(), PATIENT, |request| {
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        let (_, number) = request.id.rsplit_once('-').unwrap();
        Response::text(200, format!("{}={number}", name.trim_end()))
    });
    let first = server.get("/").rsplit("\r\n").next().unwrap().to_owned();
    let second = server.get("/").rsplit("\r\n").next().unwrap().to_owned();
    assert_ne!(first, second);
    let (name, id) = first.split_once('=').unwrap();
    assert_eq!(name, format!("chat-{id}"));
}

#[test]
fn a_large_reply_arrives_whole() {
    let server = TestServer::open(config(), PATIENT, |_| {
        Response::bytes(200, "application/octet-stream", vec![b'x'; 5 << 20])
    });
    let (head, body) =
        server.get("/").split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
    assert!(head.contains("Content-Length: 5242880"), "{head}");
    assert_eq!(body, 5 << 20);
}

#[test]
fn an_ipv6_door_opens_too() {
    let Ok(listener) = Listener::bind_address("[::1]:0".parse().unwrap()) else {
        return; // No IPv6 on this machine.
    };
    let address = listener.endpoints().next().unwrap().tcp().unwrap();
    let shutdown = Shutdown::new();
    let address_of = |request: Request<'_>| Response::text(200, request.address.to_string());
    let policy = BodyPolicy::Ignored;
    let _serving =
        crate::server::serve(listener, config(), PATIENT, &shutdown, policy, address_of, drop);
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(answer(client).ends_with("\r\n\r\n::1"));
}

#[test]
fn a_storm_of_callers_queues_before_the_door_is_open() {
    let somaxconn = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let storm = somaxconn.trim().parse::<usize>().unwrap().min(1000);
    let listener = Listener::bind_address("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.endpoints().next().unwrap().tcp().unwrap();
    // A second is what the first lost SYN costs: with std's backlog some of these would wait it out.
    let timeout = std::time::Duration::from_millis(900);
    let mut requests = Vec::new();
    for number in 0..storm {
        let request = TcpStream::connect_timeout(&address, timeout);
        requests.push(request.unwrap_or_else(|error| panic!("request {number}: {error}")));
    }
}
