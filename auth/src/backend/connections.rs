//! The pool of connections to the HTTP library.
//!
//! The library passes a new connection to a thread of its own pool. Of two connections that are opened at the same
//! time, one may get no thread until another connection ends. So this pool opens connections one after the other, and
//! sends a probe on each before it is used. A request that waits for a new connection takes one that becomes free
//! meanwhile. The order of waiting requests is in [`turns`]. If the probe is not answered, all waiting requests fail at
//! once; otherwise each of them would wait as long, one after the other.

mod turns;

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use http::Response;
use net::deadline::{recv, recv_append, send_all};
use net::network::Network;
use os_thread::lock;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::private_socket::PrivateSocket;
use crate::cookie::CookieKind;
use crate::error::ErrorCode;
use crate::limit::{
    CONNECTIONS_KEPT, PROBE_DEADLINE, RESPONSE_BYTES_FIRST, RESPONSE_BYTES_MAX, RESPONSE_DEADLINE,
    TURN_DEADLINE,
};
use crate::request::Shown;
use turns::{Class, Turns, Waiter};

/// The path of the probe, which each new connection must answer.
pub(super) const PROBE: &str = "/.probe";
/// The header of the library's responses with the code of an error.
pub(super) const CODE_HEADER: &str = "X-Error-Code";
/// The header that tells a handler that the token came in a cookie.
pub(super) const COOKIE_HEADER: &str = "X-Is-Cookie";
/// The header that tells a handler that a cookie must be [`CookieKind::Secure`].
pub(super) const SECURE_HEADER: &str = "X-Is-Secure";
/// Headers of the library that the client does not get: they are replaced, or concern the private connection only.
const NOT_PASSED_ON: [&str; 6] =
    ["Connection", "Content-Length", "Date", "Server", "X-Error-Code", "Transfer-Encoding"];
/// Header lines of the library's responses.
const HEADERS_MAX: usize = 32;

/// The connections, and the socket that they lead to.
pub(super) struct Connections {
    pub(super) socket: PrivateSocket,
    state: Mutex<State>,
}

/// Invariant: no request waits that could take an idle connection, or could open one while none is being opened.
#[derive(Default)]
struct State {
    idle: Vec<Link>,
    /// Incremented with each restart of the library.
    generation: u64,
    /// Whether a connection is being opened.
    is_opening: bool,
    turns: Turns,
    /// The connections and rights that were granted to threads that are waking up, by ticket.
    granted: Vec<(u64, io::Result<Turn>)>,
    last_ticket: u64,
}

/// The result of waiting for a connection.
enum Turn {
    /// The caller must open a connection.
    Open,
    /// An idle connection.
    Idle(Link),
}

/// A connection to the library.
pub(super) struct Link {
    stream: UnixStream,
    /// The generation of the library that it leads to.
    generation: u64,
}

impl Connections {
    pub(super) fn new(socket: PrivateSocket) -> Self {
        Self { socket, state: Mutex::default() }
    }

    /// Sends a request and receives its response.
    pub(super) fn call(&self, request: &http::Request<'_>) -> io::Result<Response> {
        let is_read = matches!(&*request.head.method, "GET" | "HEAD");
        let class = if is_read { Class::Read } else { Class::Change };
        let link = self.free(class, Network::narrowest(request.address))?;
        let bytes = written(request);
        send_all(&link.stream, &bytes, Instant::now() + RESPONSE_DEADLINE)?;
        let response = receive(&link.stream, RESPONSE_DEADLINE)?;
        self.keep(link);
        Ok(response)
    }

    /// An idle connection, or a new one if there is none.
    fn free(&self, class: Class, client: Network) -> io::Result<Link> {
        let by = Instant::now() + TURN_DEADLINE;
        loop {
            match self.take_turn(class, client, true, by)? {
                Turn::Idle(link) if link.is_silent() => return Ok(link),
                Turn::Idle(_) => {}
                Turn::Open => return self.open_now(),
            }
        }
    }

    /// Opens a connection, once the library has answered its probe.
    ///
    /// # Errors
    /// The library cannot be reached, does not answer this probe or that of the connection before, or this caller's turn does not come
    /// within [`TURN_DEADLINE`].
    pub(super) fn open(&self) -> io::Result<Link> {
        let itself = Network::narrowest(Ipv4Addr::UNSPECIFIED.into());
        self.take_turn(Class::Read, itself, false, Instant::now() + TURN_DEADLINE)?;
        self.open_now()
    }

    /// Opens a connection, in this caller's turn.
    fn open_now(&self) -> io::Result<Link> {
        // Read before connecting, so that no connection to a library that is restarted meanwhile is kept.
        let generation = self.lock().generation;
        let outcome = probed(&self.socket);
        let mut state = self.lock();
        state.is_opening = false;
        if outcome.is_err() {
            state.fail_all();
        }
        state.grant();
        Ok(Link { stream: outcome?, generation })
    }

    /// Waits for an idle connection if `takes_idle`, or for the turn to open one.
    fn take_turn(
        &self,
        class: Class,
        client: Network,
        takes_idle: bool,
        by: Instant,
    ) -> io::Result<Turn> {
        let mut state = self.lock();
        if let Some(turn) = state.turn(takes_idle) {
            return Ok(turn);
        }
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.turns.wait(class, client, Waiter { ticket, thread: thread::current(), takes_idle });
        loop {
            if let Some(at) = state.granted.iter().position(|(one, _)| *one == ticket) {
                return state.granted.swap_remove(at).1;
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.turns.leave(ticket);
                return Err(ErrorKind::TimedOut.into());
            }
            drop(state);
            thread::park_timeout(left);
            state = self.lock();
        }
    }

    /// Returns a connection to the pool after a complete response, unless it leads to a library that has been
    /// restarted.
    pub(super) fn keep(&self, link: Link) {
        let mut state = self.lock();
        if state.idle.len() < CONNECTIONS_KEPT && state.generation == link.generation {
            state.idle.push(link);
            state.grant();
        }
    }

    /// Closes all idle connections. Those in use are closed once they are idle.
    pub(super) fn clear(&self) {
        let links = {
            let mut state = self.lock();
            state.generation += 1;
            std::mem::take(&mut state.idle)
        };
        drop(links);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// An idle connection if the caller takes one, or the right to open one, if there is either.
    fn turn(&mut self, takes_idle: bool) -> Option<Turn> {
        if takes_idle && let Some(link) = self.idle.pop() {
            return Some(Turn::Idle(link));
        }
        let is_free = !std::mem::replace(&mut self.is_opening, true);
        is_free.then_some(Turn::Open)
    }

    /// Gives idle connections, and the right to open one, to the requests whose turn it is.
    fn grant(&mut self) {
        loop {
            let (has_idle, may_open) = (!self.idle.is_empty(), !self.is_opening);
            let next = self.turns.next(|waiter| may_open || (has_idle && waiter.takes_idle));
            let Some(Waiter { ticket, thread, takes_idle }) = next else { return };
            let Some(turn) = self.turn(takes_idle) else { return };
            self.granted.push((ticket, Ok(turn)));
            thread.unpark();
        }
    }

    /// Tells all waiting requests that no connection could be opened.
    fn fail_all(&mut self) {
        for Waiter { ticket, thread, .. } in self.turns.clear() {
            let error = io::Error::other("it did not answer to the connection opened before");
            self.granted.push((ticket, Err(error)));
            thread.unpark();
        }
    }
}

impl Link {
    /// Whether no bytes have arrived since the last response. Otherwise they would be taken for the next response.
    fn is_silent(&self) -> bool {
        let come = recv(&self.stream, &mut [0], Instant::now());
        come.is_err_and(|error| error.kind() == ErrorKind::TimedOut)
    }
}

/// Connects, and waits for the library's answer to the probe.
fn probed(socket: &PrivateSocket) -> io::Result<UnixStream> {
    let stream = connect(socket, PROBE_DEADLINE)?;
    let probe = format!("GET {PROBE} HTTP/1.1\r\n\r\n");
    send_all(&stream, probe.as_bytes(), Instant::now() + PROBE_DEADLINE)?;
    receive(&stream, PROBE_DEADLINE)?;
    Ok(stream)
}

/// Connects within `patience`, since a blocking connect could wait for ever for a library that does not accept.
fn connect(socket: &PrivateSocket, patience: Duration) -> io::Result<UnixStream> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let stream = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&stream, sockopt::Timeout::Send, Some(patience))?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket.path())?)?;
    Ok(UnixStream::from(stream))
}

/// The request for the library: only what handlers need, so a client cannot confuse the library with other headers.
fn written(request: &http::Request<'_>) -> Vec<u8> {
    let (head, body) = (&request.head, request.body.bytes());
    // A HEAD is a GET here, so that the response states its length; its body is left out later.
    let method = if head.method == "HEAD" { "GET" } else { &head.method };
    let mut text = String::with_capacity(512);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{method} {} HTTP/1.1\r\nX-Request-Id: {}\r\nX-Real-Ip: {}\r\nContent-Length: {}\r\n",
        head.target,
        request.id,
        request.address,
        body.len()
    );
    // Only a token with a valid form is passed on, because tiny_http refuses a request with a header outside of ASCII.
    let shown = Shown::by(request);
    if let Some(token) = &shown.token {
        let _ = write!(text, "Authorization: Bearer {}\r\n", token.expose());
    }
    if shown.is_cookie {
        let _ = write!(text, "{COOKIE_HEADER}: 1\r\n");
    }
    if shown.cookie == CookieKind::Secure {
        let _ = write!(text, "{SECURE_HEADER}: 1\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one response, which must have a `Content-Length`, and nothing after it.
fn receive(stream: &UnixStream, patience: Duration) -> io::Result<Response> {
    let by = Instant::now() + patience;
    let mut bytes = Vec::with_capacity(RESPONSE_BYTES_FIRST);
    loop {
        if bytes.len() == bytes.capacity() {
            bytes.reserve_exact(bytes.len().max(RESPONSE_BYTES_FIRST));
        }
        if bytes.len() > RESPONSE_BYTES_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if recv_append(stream, &mut bytes, by)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(response) = parse(&bytes)? {
            return Ok(response);
        }
    }
}

/// The response, once it has arrived completely.
fn parse(bytes: &[u8]) -> io::Result<Option<Response>> {
    let mut space = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut space);
    let parsed = head.parse(bytes).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
    let httparse::Status::Complete(end) = parsed else { return Ok(None) };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let status = head.code.unwrap_or(500);
    let length: usize = header("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let Some(body) = bytes.get(end..end + length) else { return Ok(None) };
    if bytes.len() > end + length {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut response = match header("Content-Type") {
        Some(kind) => Response::bytes(status, kind.to_owned(), body.to_vec()),
        None => Response::empty(status),
    };
    response.code = header(CODE_HEADER).and_then(ErrorCode::from_word).map(ErrorCode::word);
    for header in &*head.headers {
        let is_own = NOT_PASSED_ON.iter().any(|name| name.eq_ignore_ascii_case(header.name));
        if !is_own && !header.name.eq_ignore_ascii_case("Content-Type") {
            let value = String::from_utf8_lossy(header.value).into_owned();
            response = response.with_header(header.name.to_owned(), value);
        }
    }
    Ok(Some(response))
}

#[cfg(test)]
#[path = "connections/tests.rs"]
mod tests;
