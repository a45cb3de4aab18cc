//! Bytes on a bare connection, for requests that no client library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::PATIENCE;

/// Connects to `host:port`, from this address of ours if one is given (all of 127.0.0.0/8 is).
///
/// # Errors
/// When nobody listens there or nothing answers.
pub fn connect(address: &str, from: Option<IpAddr>) -> Result<TcpStream> {
    reach(address, |to| {
        let Some(from) = from else {
            return Ok(TcpStream::connect_timeout(to, PATIENCE)?);
        };
        let socket = socket(to)?;
        rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
        rustix::net::connect(&socket, to)?;
        Ok(socket.into())
    })
}

/// Connects with a receive buffer so small that the sender soon notices when nobody reads.
///
/// # Errors
/// As [`connect`].
pub fn connect_narrow(address: &str) -> Result<TcpStream> {
    reach(address, |to| {
        let socket = socket(to)?;
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
        rustix::net::connect(&socket, to)?;
        Ok(socket.into())
    })
}

/// At the first address of the name that takes it: a server may listen on IPv4 alone while its name has both.
fn reach(address: &str, connect: impl Fn(&SocketAddr) -> Result<TcpStream>) -> Result<TcpStream> {
    let mut refusal = None;
    for to in address.to_socket_addrs().with_context(|| format!("no such address: {address}"))? {
        match connect(&to) {
            Ok(stream) => return Ok(stream),
            Err(error) => refusal = Some(error.context(format!("to {address}"))),
        }
    }
    Err(refusal.unwrap_or_else(|| anyhow!("no such address: {address}")))
}

/// A socket that no program started meanwhile inherits and keeps open.
fn socket(to: &SocketAddr) -> Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Resets the connection: no goodbye, as when a cable is pulled and the kernel answers for it.
///
/// # Errors
/// When the kernel refuses.
pub fn reset(stream: TcpStream) -> Result<()> {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}

/// Sends a whole request and gives the answer's status and everything that came.
///
/// # Errors
/// When there is no answer within [`PATIENCE`].
pub fn exchange(mut stream: TcpStream, request: &[u8]) -> Result<(u16, String)> {
    stream.set_write_timeout(Some(PATIENCE))?;
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let answer = read_to_end(&mut stream, PATIENCE)?;
    let status = status(&answer).with_context(|| format!("no HTTP answer: {answer:?}"))?;
    Ok((status, answer))
}

/// The status of an HTTP answer.
pub fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// Reads until the server is done with this connection, or its HTTP answer is complete.
///
/// # Errors
/// When it does neither within `patience`.
pub fn read_to_end(stream: &mut TcpStream, patience: Duration) -> Result<String> {
    let deadline = Instant::now() + patience;
    let mut got = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("still open after {patience:?}; got {:?}", String::from_utf8_lossy(&got));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => got.extend_from_slice(&chunk[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        if is_complete(&got) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&got).into_owned())
}

/// Whether all of an answer of known length has come. It looks at the head only, since bodies can be megabytes.
fn is_complete(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]);
    if matches!(status(&head), Some(101 | 204)) {
        return true;
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| answer.len() - (end + 4) >= length)
}

/// A JSON request as bytes.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The head of a WebSocket upgrade.
pub fn upgrade(address: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A WebSocket on which frames can be written by hand: the answer to the upgrade was read.
///
/// # Errors
/// When the server does not upgrade.
pub fn upgraded(address: &str) -> Result<TcpStream> {
    let mut stream = connect(address, None)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(upgrade(address).as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).context("reading the answer to an upgrade")?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if status(&head) != Some(101) {
        bail!("the upgrade was refused: {head}");
    }
    Ok(stream)
}

/// A whole text frame as a client writes it. Its mask is zero, which leaves the text as it is.
///
/// # Panics
/// When the text is over 64 KiB.
pub fn text_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a small frame");
    let mut frame = vec![0x81];
    if length < 126 {
        frame.push(0x80 | length.to_be_bytes()[1]);
    } else {
        frame.push(0x80 | 126);
        frame.extend(length.to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
