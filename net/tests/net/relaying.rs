//! Requests that are passed on to a server on a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::server::{PATIENT, QUICK, TestServer, config, status};
use net::limit::REFUSAL_HELD;
use net::relay::relay;
use net::request::Deadlines;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tempfile::TempDir;

/// A place for a socket.
struct Socket {
    path: PathBuf,
    _dir: TempDir,
}

impl Socket {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { path: dir.path().join("t"), _dir: dir }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

fn relaying(path: PathBuf, deadlines: Deadlines) -> TestServer {
    TestServer::open(config(), deadlines, move |mut request| match request.body(1024) {
        Ok(body) => relay(request, body, &path, "r-1"),
        Err(refusal) => request.reply(refusal),
    })
}

/// A server that records one request, as far as `until`, and answers with `answer` in pieces.
fn scripted(socket: &Socket, until: &'static str, answer: Vec<Vec<u8>>) -> Receiver<String> {
    let listener = UnixListener::bind(socket.path()).unwrap();
    let (send, received) = sync_channel(1);
    os_thread::spawn("scripted", 256 * 1024, move || {
        let (mut server, _) = listener.accept().unwrap();
        let (mut request, mut some) = (String::new(), [0; 4096]);
        while !request.ends_with(until) {
            let count = server.read(&mut some).unwrap();
            request.push_str(std::str::from_utf8(&some[..count]).unwrap());
        }
        send.send(request).unwrap();
        for piece in answer {
            // A client that was dropped takes no more.
            let _ = server.write_all(&piece);
        }
    })
    .unwrap();
    received
}

#[test]
fn only_what_the_server_may_know_is_passed_on() {
    let socket = Socket::new();
    let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let received = scripted(&socket, "hello", vec![answer[..5].to_vec(), answer[5..].to_vec()]);
    let server = relaying(socket.path().to_owned(), PATIENT);
    let heard = server.ask(
        "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer t\r\nX-Real-IP: 6.6.6.6\r\n\
         x-forwarded-for: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n\
         X-Request-Id: evil\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n\
         Upgrade: h2c\r\nTE: trailers\r\nX-Latin: \u{e9}\r\nAccept: */*\r\nContent-Length: 5\r\n\r\nhello, and more",
    );
    assert_eq!(
        received.recv().unwrap(),
        "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer t\r\nAccept: */*\r\n\
         Connection: close\r\nX-Real-Ip: 127.0.0.1\r\nX-Request-Id: r-1\r\nContent-Length: 5\r\n\r\nhello"
    );
    assert_eq!(heard, "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
}

#[test]
fn tiny_http_answers_behind_it_every_time() {
    let socket = Socket::new();
    let library = Arc::new(tiny_http::Server::http_unix(socket.path()).unwrap());
    let answering = Arc::clone(&library);
    let thread = os_thread::spawn("tiny", 1 << 20, move || {
        for mut request in answering.incoming_requests() {
            let mut body = String::new();
            request.as_reader().read_to_string(&mut body).unwrap();
            request.respond(tiny_http::Response::from_string(body.repeat(1000))).unwrap();
        }
    });
    let server = relaying(socket.path().to_owned(), PATIENT);
    // 300 at once: what starved tiny_http when it had the clients to itself.
    let clients: Vec<_> = (0..300)
        .map(|_| server.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"))
        .collect();
    for (number, mut client) in clients.into_iter().enumerate() {
        client.write_all(&[b'a' + (number % 26) as u8; 100]).unwrap();
        let answer = crate::server::answer(client);
        assert_eq!(status(&answer), 200, "client {number}");
        assert!(answer.len() > 100_000 && answer.contains("\r\nConnection: close\r\n"));
    }
    assert_eq!(status(&server.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
    assert_eq!(status(&server.ask("GET / HTTP/1.0\r\n\r\n")), 200);
    library.unblock();
    thread.unwrap().join().unwrap();
}

#[test]
fn a_server_that_is_away_or_silent_or_gone_is_told_of() {
    let socket = Socket::new();
    let away = relaying(socket.path().to_owned(), PATIENT).get("/");
    assert_eq!(status(&away), 503);
    assert!(away.contains(r#""code":"unavailable""#) && away.contains("Retry-After"), "{away}");

    let silent = UnixListener::bind(socket.path()).unwrap();
    assert_eq!(status(&relaying(socket.path().to_owned(), QUICK).get("/")), 504);
    drop(silent);

    let socket = Socket::new();
    let _heard = scripted(&socket, "\r\n\r\n", Vec::new());
    assert_eq!(status(&relaying(socket.path().to_owned(), PATIENT).get("/")), 503);
}

#[test]
fn who_is_told_to_wait_hears_it_later() {
    let answered = |status: &str, deadlines| {
        let (socket, begin) = (Socket::new(), Instant::now());
        let answer = format!("HTTP/1.1 {status} Any\r\nContent-Length: 0\r\n\r\n");
        let _heard = scripted(&socket, "\r\n\r\n", vec![answer.into_bytes()]);
        let heard = relaying(socket.path().to_owned(), deadlines).get("/");
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
        begin.elapsed()
    };
    for held in ["429", "503"] {
        assert!(answered(held, Deadlines::default()) >= REFUSAL_HELD, "{held}");
    }
    let long = Deadlines { refusal: Duration::from_secs(3600), ..PATIENT };
    for at_once in ["200", "401", "404", "500"] {
        answered(at_once, long);
    }
}

#[test]
fn a_server_that_accepts_nobody_is_not_waited_for() {
    let socket = Socket::new();
    let deaf = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&deaf, &SocketAddrUnix::new(socket.path()).unwrap()).unwrap();
    rustix::net::listen(&deaf, 0).unwrap();
    let _in_the_queue = UnixStream::connect(socket.path()).unwrap();
    assert_eq!(status(&relaying(socket.path().to_owned(), QUICK).get("/")), 503);
}

#[test]
fn a_long_answer_streams_and_a_stalled_reader_is_dropped() {
    let piece = vec![b'x'; 1 << 20];
    let long = |socket: &Socket| {
        let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let pieces = [vec![head], vec![piece.clone(); 40]].concat();
        scripted(socket, "\r\n\r\n", pieces)
    };
    let socket = Socket::new();
    let _heard = long(&socket);
    let whole = relaying(socket.path().to_owned(), QUICK).get("/");
    assert!(whole.len() > 40 << 20);

    let socket = Socket::new();
    let _heard = long(&socket);
    let server = relaying(socket.path().to_owned(), QUICK);
    let _deaf = server.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.until_connections(1);
    server.until_connections(0);
}

#[test]
fn an_answer_that_stalls_is_cut() {
    let socket = Socket::new();
    let listener = UnixListener::bind(socket.path()).unwrap();
    let server = relaying(socket.path().to_owned(), QUICK);
    let client = server.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut backend, _) = listener.accept().unwrap();
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    let heard = crate::server::answer(client);
    assert!(heard.ends_with("half"), "{heard}");
    server.until_connections(0);
}
