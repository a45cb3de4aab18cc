//! Passing one request on to a server on a private Unix socket, and its answer back.
//!
//! The server behind is never trusted with a stranger's bytes: it gets a head written here, with an
//! exact length, and a body that is already whole. Each connection carries one request.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::deadline::{recv, send_all, send_all_moving};
use crate::error::HttpError;
use crate::limit::COPY_BYTES;
use crate::request::Request;
use crate::web::Headers;

/// Headers that concern only one hop, or that only we may say.
const NOT_PASSED_ON: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
    "x-request-id",
];

/// Passes `request`'s request with `body` on to `socket` and the answer back, then hangs up. The
/// connection leaves the waiting room. The answer may be of any length; a client that takes nothing
/// for [`crate::limit::REPLY_DEADLINE`] is dropped. A server that cannot be reached is a 503, one that
/// says nothing for as long a 504. A 429 or 503 of the server is held back for [`crate::limit::REFUSAL_HELD`],
/// while the connection keeps its place. `request_id` is printable ASCII.
pub fn relay(request: Request, body: Vec<u8>, socket: &Path, request_id: &str) {
    if !request.permit.mark_established() {
        return;
    }
    let stall = request.deadlines.reply;
    let mut head_and_body = rewritten(&request, body.len(), request_id).into_bytes();
    head_and_body.extend_from_slice(&body);
    drop(body);
    let asked = connect(socket, stall).and_then(|server| {
        send_all(&server, &head_and_body, Instant::now() + stall)?;
        Ok(server)
    });
    drop(head_and_body);
    let server = match asked {
        Ok(server) => server,
        Err(error) => {
            tracing::warn!(%error, "the server behind cannot be reached");
            return request.reply(HttpError::unavailable("the service is not available just now"));
        }
    };
    let mut buffer = [0; COPY_BYTES];
    let begun = match begin(&server, &request.cors, &mut buffer, stall) {
        Ok(begun) => begun,
        Err(error) => {
            tracing::warn!(%error, "the server behind does not answer");
            return request.reply(match error.kind() {
                ErrorKind::TimedOut => {
                    HttpError::new(504, "timeout", "the service takes too long to answer")
                }
                _ => HttpError::unavailable("the service is not available just now"),
            });
        }
    };
    if is_told_to_wait(&begun) {
        // On this thread alone: the server behind has finished.
        std::thread::sleep(request.deadlines.refusal);
    }
    match copy(&server, &request, &begun, &mut buffer, stall) {
        Ok(()) => request.deadlines.close_lingering(&request.stream),
        Err(error) => tracing::debug!(%error, "answer cut short"),
    }
}

/// Connects, also when the server is slow to accept; a blocking connect would wait for ever.
fn connect(socket: &Path, patience: Duration) -> io::Result<UnixStream> {
    let server = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sockopt::set_socket_timeout(&server, sockopt::Timeout::Send, Some(patience))?;
    rustix::net::connect(&server, &SocketAddrUnix::new(socket)?)?;
    Ok(UnixStream::from(server))
}

/// The head as the server behind shall see it.
fn rewritten(request: &Request, body_bytes: usize, request_id: &str) -> String {
    let head = &request.head;
    let version = if head.is_http_10() { "1.0" } else { "1.1" };
    let mut text = String::with_capacity(1024);
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "{} {} HTTP/{version}\r\n", head.method, head.target);
    for (name, value) in head.headers() {
        // tiny_http refuses a whole request for one header outside of ASCII.
        if is_passed_on(name) && !head.lists("connection", name) && value.is_ascii() {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    let _ = write!(
        text,
        "Connection: close\r\nX-Real-Ip: {}\r\nX-Request-Id: {request_id}\r\n\
         Content-Length: {body_bytes}\r\n\r\n",
        request.address
    );
    text
}

fn is_passed_on(name: &str) -> bool {
    let is_forwarded =
        name.len() >= 12 && name.as_bytes()[..12].eq_ignore_ascii_case(b"x-forwarded-");
    !is_forwarded && !NOT_PASSED_ON.iter().any(|not| name.eq_ignore_ascii_case(not))
}

/// Waits for the answer's status line. Gives what has come so far with the lines of CORS and
/// `Connection: close` put in: tiny_http does not say it, and a client would keep the connection for
/// its next request.
fn begin(
    server: &UnixStream,
    cors: &Headers,
    buffer: &mut [u8],
    stall: Duration,
) -> io::Result<Vec<u8>> {
    let mut filled = 0;
    loop {
        match recv(server, &mut buffer[filled..], Instant::now() + stall)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        let come = &buffer[..filled];
        if let Some(end) = come.windows(2).position(|pair| pair == b"\r\n") {
            let (status, rest) = come.split_at(end + 2);
            let cors: String =
                cors.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            return Ok([status, b"Connection: close\r\n", cors.as_bytes(), rest].concat());
        }
        if filled == buffer.len() {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

/// Whether an answer that begins so says that the client has asked too much or too early.
fn is_told_to_wait(begun: &[u8]) -> bool {
    let status = begun.split(|byte| *byte == b' ').nth(1);
    status.is_some_and(|status| [b"429", b"503"].iter().any(|it| status == *it))
}

fn copy(
    server: &UnixStream,
    request: &Request,
    begun: &[u8],
    buffer: &mut [u8],
    stall: Duration,
) -> io::Result<()> {
    send_all_moving(&*request.stream, begun, stall)?;
    loop {
        match recv(server, buffer, Instant::now() + stall)? {
            0 => return Ok(()),
            count => send_all_moving(&*request.stream, &buffer[..count], stall)?,
        }
    }
}
