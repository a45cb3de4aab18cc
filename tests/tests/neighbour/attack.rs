//! What one account can do at its worst, each as a step that is repeated until the attack ends.
//!
//! Nothing that goes wrong for the attacker is an error: being refused is what is hoped for.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use acceptance::{Socket, raw};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;

use super::Mallory;

/// Addresses that they come from.
const ADDRESSES: usize = 16;
/// The priority of an attacker's thread: its own machine would be another one.
const NICE: i32 = 19;
/// The pause after a connection that ended: an attacker who only connects is measured by `hellos`.
const PAUSE: Duration = Duration::from_millis(20);
/// Frames that are written before what came is read.
const FRAMES: usize = 8;

/// The type of an upload's body.
const UPLOAD_HEADER: &str = "Content-Type: application/offset+octet-stream\r\n";

/// One way to be a nuisance.
pub struct Attack {
    pub name: &'static str,
    step: fn(&Mallory, IpAddr, &AtomicBool) -> Result<()>,
}

/// All of them.
pub static ATTACKS: &[Attack] = &[
    Attack { name: "reading nothing", step: read_nothing },
    Attack { name: "big pages", step: |it, from, stop| frames(it, from, stop, big_page) },
    Attack { name: "searches", step: |it, from, stop| frames(it, from, stop, search) },
    Attack { name: "presence", step: |it, from, stop| frames(it, from, stop, presence) },
    Attack { name: "groups", step: |it, from, stop| frames(it, from, stop, group) },
    Attack { name: "storing", step: |it, from, stop| frames(it, from, stop, store) },
    Attack { name: "hellos", step: hello },
    Attack { name: "wrong hellos", step: wrong_hello },
    Attack { name: "refused frames", step: |it, from, stop| frames(it, from, stop, refused) },
    Attack { name: "right logins", step: right_login },
    Attack { name: "wrong logins", step: wrong_login },
    Attack { name: "unknown logins", step: unknown_login },
    Attack { name: "exports", step: export },
    Attack { name: "uploads", step: upload },
    Attack { name: "tiny pieces", step: send_tiny_pieces },
    Attack { name: "downloads", step: download },
    Attack { name: "changes", step: change },
];

impl Attack {
    /// Repeats its step until `stop`.
    pub fn keep_at_it(&self, mallory: &Mallory, place: usize, stop: &AtomicBool) {
        // It only makes the attack as fast as one from elsewhere, so it may fail.
        let _ = rustix::process::setpriority_process(None, NICE);
        let last = u8::try_from(2 + place % ADDRESSES).unwrap_or(2);
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        while !stop.load(Ordering::Relaxed) {
            if (self.step)(mallory, from, stop).is_err() {
                thread::park_timeout(PAUSE);
            }
        }
    }
}

fn connect(mallory: &Mallory, from: IpAddr) -> Result<Socket> {
    let stream = raw::connect(&mallory.endpoints.chat_address(), Some(from))?;
    let mut socket = Socket::over(stream, mallory.endpoints.chat().into_client_request()?)?;
    socket.json(&json!({"type": "hello", "token": mallory.token, "since": 0}))?;
    socket.receive("a welcome", |heard| match heard {
        acceptance::Received::Json(frame) => (frame["type"] == "welcome").then_some(()),
        _ => None,
    })?;
    Ok(socket)
}

/// Writes frames of one kind, reads what comes, and goes on until it is closed.
fn frames(
    mallory: &Mallory,
    from: IpAddr,
    stop: &AtomicBool,
    frame: fn(&Mallory, usize) -> Message,
) -> Result<()> {
    let mut socket = connect(mallory, from)?;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..FRAMES {
            count += 1;
            socket.send(frame(mallory, count))?;
        }
        socket.stream().set_nonblocking(true)?;
        let mut bytes = [0; 64 * 1024];
        while let Ok(read) = socket.stream().read(&mut bytes) {
            if read == 0 {
                bail!("closed");
            }
        }
        socket.stream().set_nonblocking(false)?;
        thread::park_timeout(PAUSE);
    }
    Ok(())
}

/// Asks for as much as it can and takes nothing of it.
fn read_nothing(mallory: &Mallory, _: IpAddr, stop: &AtomicBool) -> Result<()> {
    let narrow = raw::connect_narrow(&mallory.endpoints.chat_address())?;
    let mut socket = Socket::over(narrow, mallory.endpoints.chat().into_client_request()?)?;
    socket.json(&json!({"type": "hello", "token": mallory.token, "since": 0}))?;
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        socket.send(big_page(mallory, count))?;
        thread::park_timeout(PAUSE);
    }
    Ok(())
}

fn text(frame: &Value) -> Message {
    Message::text(frame.to_string())
}

fn big_page(mallory: &Mallory, count: usize) -> Message {
    let group = mallory.groups[count % mallory.groups.len()];
    text(&match count % 3 {
        0 => json!({"type": "conversations", "limit": 1000, "ref": "c"}),
        1 => json!({"type": "history", "with": mallory.id, "limit": 200, "ref": "h"}),
        _ => json!({"type": "history", "group": group, "limit": 200, "ref": "h"}),
    })
}

fn search(_: &Mallory, count: usize) -> Message {
    let words =
        ["a", "a b c d", "t", "train number", "a a a a a a a a a a a a a a a a b b b b c c"];
    text(&json!({"type": "search", "text": words[count % words.len()], "limit": 200, "ref": "s"}))
}

fn presence(_: &Mallory, count: usize) -> Message {
    let ids: Vec<usize> = (count..count + 300).collect();
    text(&json!({"type": "presence", "ids": ids, "ref": "p"}))
}

fn group(mallory: &Mallory, count: usize) -> Message {
    let group = mallory.groups[count % mallory.groups.len()];
    text(&match count % 3 {
        0 => {
            json!({"type": "group.create", "name": "n", "members": [], "ref": format!("g{count}")})
        }
        1 => json!({"type": "group.rename", "group": group, "name": format!("{count}")}),
        _ => json!({"type": "group.show", "group": group, "ref": "gs"}),
    })
}

fn store(mallory: &Mallory, _: usize) -> Message {
    text(&json!({"to": mallory.id, "content": mallory.content}))
}

fn refused(_: &Mallory, count: usize) -> Message {
    match count % 5 {
        0 => Message::text("{"),
        1 => text(&json!({"type": "nothing of the kind", "ref": "r"})),
        2 => text(&json!({"type": "ping", "ref": "r"})),
        3 => text(&json!({"type": "hello", "token": "x", "ref": "r"})),
        _ => Message::binary(vec![0; 64]),
    }
}

fn hello(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    connect(mallory, from).map(drop)
}

fn wrong_hello(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    let stream = raw::connect(&mallory.endpoints.chat_address(), Some(from))?;
    let mut socket = Socket::over(stream, mallory.endpoints.chat().into_client_request()?)?;
    socket.json(&json!({"type": "hello", "token": "A".repeat(43)}))?;
    socket.receive_close(Duration::from_secs(5)).map(drop)
}

fn log_in(mallory: &Mallory, from: IpAddr, email: &str, password: &str) -> Result<()> {
    let stream = raw::connect(&mallory.endpoints.auth_address()?, Some(from))?;
    let body = json!({"email": email, "password": password}).to_string();
    let (status, answer) = raw::exchange(stream, &raw::post("/login", &body))?;
    if status != 200 {
        bail!("{answer}");
    }
    Ok(())
}

fn right_login(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    log_in(mallory, from, &mallory.email, &mallory.password)
}

fn wrong_login(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    log_in(mallory, from, &mallory.email, "wrong password")
}

fn unknown_login(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    let nobody = format!("{:?}@example.com", std::time::Instant::now());
    log_in(mallory, from, &nobody.replace([' ', '{', '}', ':', ','], ""), "wrong password")
}

/// A request over HTTP on a connection of its own; gives its status and its whole answer.
fn ask(mallory: &Mallory, from: IpAddr, head: &str, body: &[u8]) -> Result<(u16, String)> {
    let stream = raw::connect(&mallory.endpoints.auth_address()?, Some(from))?;
    let head = format!(
        "{head}Host: localhost\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        mallory.token,
        body.len()
    );
    raw::exchange(stream, &[head.as_bytes(), body].concat())
}

fn export(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    match ask(mallory, from, "GET /export HTTP/1.1\r\n", b"")? {
        (200, _) => Ok(()),
        (status, _) => bail!("{status}"),
    }
}

/// Begins an upload of so many bytes with these, and gives its path.
fn begin_upload(mallory: &Mallory, from: IpAddr, length: usize, bytes: &[u8]) -> Result<String> {
    let kind = if bytes.is_empty() { "" } else { UPLOAD_HEADER };
    let head = format!("POST /files HTTP/1.1\r\nUpload-Length: {length}\r\n{kind}");
    let (_, begun) = ask(mallory, from, &head, bytes)?;
    let path = begun.lines().find_map(|line| line.strip_prefix("Location: "));
    path.map(str::to_owned).context("refused")
}

/// Gives an upload up, so that the quota lasts.
fn give_up(mallory: &Mallory, from: IpAddr, path: &str) -> Result<()> {
    ask(mallory, from, &format!("DELETE {path} HTTP/1.1\r\n"), b"").map(drop)
}

/// Uploads a megabyte in one request.
fn upload(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    const BYTES: usize = 1024 * 1024;
    let path = begin_upload(mallory, from, BYTES, &vec![b'x'; BYTES])?;
    give_up(mallory, from, &path)
}

/// Sends an upload in requests of one byte.
fn send_tiny_pieces(mallory: &Mallory, from: IpAddr, stop: &AtomicBool) -> Result<()> {
    const BYTES: usize = 200;
    let path = begin_upload(mallory, from, BYTES, b"")?;
    let mut offset = 0;
    while offset < BYTES && !stop.load(Ordering::Relaxed) {
        let head = format!("PATCH {path} HTTP/1.1\r\nUpload-Offset: {offset}\r\n{UPLOAD_HEADER}");
        match ask(mallory, from, &head, b"x")?.0 {
            204 => offset += 1,
            429 | 503 => {}
            status => bail!("{status}"),
        }
    }
    give_up(mallory, from, &path)
}

/// Fetches a megabyte, again and again.
fn download(mallory: &Mallory, from: IpAddr, stop: &AtomicBool) -> Result<()> {
    const BYTES: usize = 1024 * 1024;
    let path = begin_upload(mallory, from, BYTES, &vec![b'x'; BYTES])?;
    while !stop.load(Ordering::Relaxed) {
        let (status, _) = ask(mallory, from, &format!("GET {path} HTTP/1.1\r\n"), b"")?;
        if !matches!(status, 200 | 429 | 503) {
            bail!("{status}");
        }
    }
    give_up(mallory, from, &path)
}

/// Changes what it can over HTTP; it has no session of that number.
fn change(mallory: &Mallory, from: IpAddr, _: &AtomicBool) -> Result<()> {
    let json = "Content-Type: application/json\r\n";
    ask(mallory, from, &format!("PATCH /me HTTP/1.1\r\n{json}"), br#"{"last_seen":false}"#)?;
    ask(mallory, from, &format!("PATCH /me HTTP/1.1\r\n{json}"), br#"{"last_seen":true}"#)?;
    ask(mallory, from, &format!("POST /ticket HTTP/1.1\r\n{json}"), b"{}")?;
    ask(mallory, from, "DELETE /sessions/999999 HTTP/1.1\r\n", b"").map(drop)
}
