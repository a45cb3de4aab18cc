//! A listener on a Unix socket.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use http::{BodyPolicy, Request, Response};
use net::{Listen, Listener, ListenerConfig, Serving, Shutdown, TrustedProxy};

use crate::server::{PATIENCE, PATIENT, config, status, until};

/// A server that answers with the client's address, one connection for each address.
fn serve(path: &Path, trusted_proxies: Vec<TrustedProxy>) -> (Serving, Shutdown) {
    let listener = Listener::bind(&[Listen::Unix(path.to_owned())]).unwrap();
    let config = ListenerConfig { connections_per_address: 1, trusted_proxies, ..config() };
    let shutdown = Shutdown::new();
    let address = |request: Request<'_>| Response::text(200, request.address.to_string());
    let policy = BodyPolicy::Ignored;
    let serving = crate::server::serve(listener, config, PATIENT, &shutdown, policy, address, drop);
    (serving, shutdown)
}

fn say(path: &Path, words: &str) -> UnixStream {
    let mut client = UnixStream::connect(path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(words.as_bytes()).unwrap();
    client
}

fn answer(mut client: UnixStream) -> String {
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

fn get(forwarded: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {forwarded}\r\n\r\n")
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("m.sock");
    (place, path)
}

#[test]
fn it_serves_group_members_and_leaves_no_file() {
    let (_place, path) = socket();
    let (serving, shutdown) = serve(&path, Vec::new());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(status(&answer(say(&path, &get("1.1.1.1")))), 200);
    shutdown.begin();
    assert!(serving.wait(PATIENCE) && !path.exists());
}

#[test]
fn its_peers_are_one_address() {
    let (_place, path) = socket();
    let (serving, _shutdown) = serve(&path, vec!["::/0".parse().unwrap()]);
    let waiting = say(&path, "GET / HT");
    until(|| serving.connections() == 1);
    assert_eq!(status(&answer(say(&path, &get("1.1.1.1")))), 429);
    drop(waiting);
}

#[test]
fn a_proxy_there_speaks_for_its_clients_if_it_is_trusted_by_name() {
    let (_place, path) = socket();
    let (serving, _shutdown) = serve(&path, vec![TrustedProxy::Unix]);
    let waiting = say(&path, "GET / HT");
    until(|| serving.connections() == 1);
    for client in ["1.1.1.1", "2001:db8::1"] {
        let answer = answer(say(&path, &get(client)));
        assert!(status(&answer) == 200 && answer.ends_with(client), "{answer}");
    }
    drop(waiting);
}
