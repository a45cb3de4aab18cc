//! A server that speaks as much of S3's protocol as the file store uses, and that can be away, hang or refuse. That the store works
//! with a whole one is what `./check tus` shows.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::Launch;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BucketMode {
    /// It is carried out.
    Works,
    /// Its connection is closed.
    Away,
    /// It is never answered.
    Hangs,
    /// It is refused with this status and code.
    Refuses(u16, &'static str),
}

/// It stands there until the tests end.
#[derive(Clone)]
pub struct Bucket {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    mode: BucketMode,
    objects: HashMap<String, Vec<u8>>,
    /// Connections that are never answered.
    held: Vec<TcpStream>,
}

impl Bucket {
    pub fn start(mode: BucketMode) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let state = State { mode, objects: HashMap::new(), held: Vec::new() };
        let bucket = Self { address: listener.local_addr()?, state: Arc::new(Mutex::new(state)) };
        let server = bucket.clone();
        thread::Builder::new().name("bucket".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                let _ = thread::Builder::new().spawn(move || server.serve(stream));
            }
        })?;
        Ok(bucket)
    }

    /// The flag that names it.
    pub fn flag() -> &'static str {
        "--files=s3://files/main"
    }

    /// A program with the variables that lead to it.
    pub fn known_to(&self, launch: Launch) -> Launch {
        let launch = launch.env("AWS_ENDPOINT_URL", &format!("http://{}", self.address));
        let launch = launch.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "key");
        launch.env("AWS_SECRET_ACCESS_KEY", "the-secret")
    }

    pub fn set(&self, mode: BucketMode) {
        self.lock().mode = mode;
    }

    /// Loses all objects.
    pub fn lose(&self) {
        self.lock().objects.clear();
    }

    /// The names of all objects, but for those of probes.
    pub fn objects(&self) -> Vec<String> {
        let names = self.lock().objects.keys().cloned().collect::<Vec<_>>();
        names.into_iter().filter(|name| !name.contains("probe")).collect()
    }

    /// Requests that are never answered.
    pub fn held(&self) -> usize {
        self.lock().held.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let (head, body) = request(&mut stream)?;
        let mut words = head.split_whitespace();
        let (method, target) =
            (words.next().context("no method")?, words.next().context("no path")?);
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let mut state = self.lock();
        let answer = match (state.mode, method) {
            (BucketMode::Away, _) => return Ok(()),
            (BucketMode::Hangs, _) => {
                state.held.push(stream);
                return Ok(());
            }
            (BucketMode::Refuses(status, code), _) => {
                xml(status, &format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
            }
            (BucketMode::Works, "PUT") => {
                state.objects.insert(path, body);
                response("200 OK", "ETag: \"one\"\r\n", b"")
            }
            (BucketMode::Works, "POST") => {
                let text = String::from_utf8_lossy(&body).into_owned();
                let mut deleted = String::new();
                for key in text.split("<Key>").skip(1).filter_map(|it| it.split("</Key>").next()) {
                    state.objects.remove(&format!("{path}/{key}"));
                    deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
                }
                xml(200, &format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            (BucketMode::Works, "DELETE") => {
                state.objects.remove(&path);
                response("204 No Content", "", b"")
            }
            (BucketMode::Works, _) => match state.objects.get(&path) {
                Some(bytes) => part(&head, bytes),
                None => xml(404, "<Error><Code>NoSuchKey</Code></Error>"),
            },
        };
        drop(state);
        Ok(stream.write_all(&answer)?)
    }
}

/// The head and the body of a request.
fn request(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 64 * 1024]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length").and_then(|it| it.parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Ok((head, bytes.split_off(end + 4)));
            }
        }
        let count = stream.read(&mut chunk)?;
        anyhow::ensure!(count > 0, "a request that breaks off");
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The bytes that `Range` names.
fn part(head: &str, bytes: &[u8]) -> Vec<u8> {
    let range = header(head, "range").and_then(|it| it.strip_prefix("bytes="));
    let (start, end) = range.and_then(|it| it.split_once('-')).unwrap_or(("0", ""));
    let start = start.parse().unwrap_or(0).min(bytes.len());
    let end = end.parse().map_or(bytes.len(), |end: usize| (end + 1).min(bytes.len()));
    let headers = format!(
        "ETag: \"one\"\r\nLast-Modified: Sun, 29 Nov 2026 12:00:00 GMT\r\nContent-Range: bytes {start}-{}/{}\r\n",
        end.saturating_sub(1),
        bytes.len()
    );
    response("206 Partial Content", &headers, &bytes[start..end])
}

fn xml(status: u16, body: &str) -> Vec<u8> {
    response(&format!("{status} Said"), "Content-Type: application/xml\r\n", body.as_bytes())
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
