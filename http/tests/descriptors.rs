//! Running out of descriptors. A binary of its own: it lowers the limit of its process.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::{Deadlines, Head, Response, Route, ServerConfig, Service, Upgrade};
use net::metrics::{Cause, named};
use net::{Listener, ListenerConfig, Shutdown};
use rustix::process::{Resource, Rlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(20);
const CHILD: &str = "HTTP_TEST_DESCRIPTORS";
const DESCRIPTORS: u64 = 64;

struct Keeping;

impl Service for Keeping {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        let errors = named("chat").refusals(Cause::AcceptError);
        match head.path() {
            "/keep" => Route::Upgrade,
            _ => Route::fixed(Response::text(200, format!("errors={errors}"))),
        }
    }

    fn upgrade(&self, upgrade: Upgrade) {
        upgrade.permit.mark_established();
        let _ = (&*upgrade.stream).write_all(b"kept");
        let _ = (&*upgrade.stream).read(&mut [0]);
    }
}

/// The server: more permits than descriptors. `/keep` settles and is kept until the client leaves.
#[test]
fn server() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let limit = Rlimit { current: Some(DESCRIPTORS / 2), maximum: Some(DESCRIPTORS) };
    setrlimit(Resource::Nofile, limit).unwrap();
    assert_eq!(net::nofile::raise(), DESCRIPTORS);
    // No head's own deadline shall come to help.
    let deadlines = Deadlines { head: 10 * PATIENCE, ..Deadlines::default() };
    let listener = Listener::bind_address("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.endpoints().next().unwrap().tcp().unwrap();
    let config = ListenerConfig {
        name: "chat",
        connections_max: 1000,
        connections_per_address: 1000,
        trusted_proxies: Vec::new(),
    };
    let shutdown = Shutdown::new();
    let config = ServerConfig { listener: config, web: None, deadlines };
    let serving = http::serve(listener, config, &shutdown, Keeping).unwrap();
    eprintln!("\nlistening {address}");
    // Until the parent closes its end.
    let _ = std::io::stdin().read(&mut [0]);
    assert!(serving.is_accepting());
}

fn start() -> (Child, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let address = lines
        .find_map(|line| line.unwrap().strip_prefix("listening ").map(|text| text.parse().unwrap()))
        .unwrap();
    (child, address)
}

fn say(address: SocketAddr, words: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(words.as_bytes()).unwrap();
    client
}

fn get(address: SocketAddr) -> String {
    let mut client = say(address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn finish(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success(), "the accept thread was alive");
}

#[test]
fn half_sent_heads_that_take_every_descriptor_make_place() {
    let (child, address) = start();
    let _half: Vec<TcpStream> = (0..200).map(|_| say(address, "GET / HTTP/1.1\r\n")).collect();
    let answer = get(address);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.ends_with("errors=0"), "descriptors did run out: {answer}");
    finish(child);
}

#[test]
fn settled_connections_that_take_every_descriptor_do_not_end_accepting() {
    let (child, address) = start();
    let mut kept = Vec::new();
    loop {
        let mut client = say(address, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
        client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let is_kept = client.read_exact(&mut [0; 4]).is_ok();
        kept.push(client);
        if !is_kept {
            break;
        }
    }
    assert!(kept.len() > 20 && kept.len() < DESCRIPTORS as usize, "{}", kept.len());
    drop(kept);
    let answer = get(address);
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("errors=0"), "{answer}");
    finish(child);
}
