//! The HTTP library, and the threads that receive its requests.

use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use net::Shutdown;
use os_thread::SERVICE_STACK_BYTES;
use wire::Token;

use super::connections::{CODE_HEADER, COOKIE_HEADER, Connections, PROBE, SECURE_HEADER};
use super::private_socket::PrivateSocket;
use crate::context::Context;
use crate::cookie::CookieKind;
use crate::limit::{BODY_BYTES_MAX, PROBE_INTERVAL, RELISTEN_PAUSE, REQUEST_STACK_BYTES};
use crate::request::Request;
use crate::route;

/// Starts the library on a private socket, and a thread that keeps it running until `end` begins.
///
/// # Errors
/// The socket cannot be created, or a thread cannot be started.
pub(super) fn start(context: &Arc<Context>, end: &Shutdown) -> io::Result<Arc<Connections>> {
    let (socket, listener) = PrivateSocket::create()?;
    let connections = Arc::new(Connections::new(socket));
    let library = Library::start(listener, Arc::clone(context))?;
    let (theirs, context, end) = (Arc::clone(&connections), Arc::clone(context), end.clone());
    let keep = move || keep_running(library, &theirs, &context, &end);
    os_thread::spawn("auth-library", SERVICE_STACK_BYTES, keep)?;
    Ok(connections)
}

/// Restarts the library whenever it no longer accepts connections. An error of accept(2) ends its loop for good, and a
/// panic in it does so without a notice. So the library is sent a probe when it has delivered no request for a while.
pub(super) fn keep_running(
    mut library: Arc<Library>,
    connections: &Connections,
    context: &Arc<Context>,
    end: &Shutdown,
) {
    while !end.wait_for(PROBE_INTERVAL) {
        if context.heartbeat.age() < PROBE_INTERVAL {
            continue;
        }
        let begun = Instant::now();
        let Err(error) = connections.open().map(|link| connections.keep(link)) else {
            continue;
        };
        if context.heartbeat.age() < begun.elapsed() {
            // The library has delivered requests meanwhile that arrived before the probe.
            continue;
        }
        tracing::error!(%error, "the HTTP library accepts no connections any more; restarting it");
        library.stop();
        while !end.has_begun() {
            let started = connections.socket.listen_anew();
            let started = started.and_then(|it| Library::start(it, Arc::clone(context)));
            connections.clear();
            match started {
                Ok(started) => {
                    library = started;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "cannot create the private socket of the HTTP library")
                }
            }
            end.wait_for(RELISTEN_PAUSE);
        }
    }
    library.stop();
    connections.clear();
}

/// A running library. It has one thread for each request that is being answered, and one more that waits for the next
/// request.
pub(super) struct Library {
    server: tiny_http::Server,
    context: Arc<Context>,
    /// The number of threads that wait for a request.
    waiting: AtomicUsize,
    is_stopped: AtomicBool,
}

impl Library {
    pub(super) fn start(listener: UnixListener, context: Arc<Context>) -> io::Result<Arc<Self>> {
        let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        let (waiting, is_stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let library = Arc::new(Self { server, context, waiting, is_stopped });
        library.add_thread()?;
        Ok(library)
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.server.unblock();
    }

    fn add_thread(self: &Arc<Self>) -> io::Result<()> {
        let library = Arc::clone(self);
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let thread =
            os_thread::spawn("auth-request", REQUEST_STACK_BYTES, move || library.receive());
        if thread.is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        thread.map(drop)
    }

    /// Answers requests until this thread is not needed any more. The thread counts as waiting when it starts.
    fn receive(self: &Arc<Self>) {
        loop {
            let request = self.server.recv_timeout(PROBE_INTERVAL);
            let others = self.waiting.fetch_sub(1, Ordering::AcqRel) - 1;
            if self.is_stopped.load(Ordering::Acquire) {
                self.server.unblock(); // Ends the next waiting thread.
                return;
            }
            match request {
                Ok(Some(request)) => {
                    if others == 0
                        && let Err(error) = self.add_thread()
                    {
                        // The next request waits until a thread is free.
                        tracing::error!(%error, "no thread for a request");
                    }
                    self.answer(request);
                }
                Ok(None) if others > 0 => return,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "the HTTP library cannot accept a connection");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            self.waiting.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn answer(&self, mut request: tiny_http::Request) {
        self.context.heartbeat.beat();
        let header = |name: &'static str| {
            let found = request.headers().iter().find(|header| header.field.equiv(name));
            found.map(|header| header.value.as_str().to_owned())
        };
        // Every request of a client has an id. A client's request for the path of the probe gets the usual 404.
        let Some(id) = header("X-Request-Id") else {
            return drop(request.respond(tiny_http::Response::empty(204)));
        };
        let token = header("Authorization").as_deref().and_then(Token::from_header);
        let is_cookie = header(COOKIE_HEADER).is_some();
        let is_secure = header(SECURE_HEADER).is_some();
        let cookie = if is_secure { CookieKind::Secure } else { CookieKind::Plain };
        let address = header("X-Real-Ip").and_then(|text| text.parse().ok());
        let _context = telemetry::log::context("request", &id);
        let mut body = Vec::with_capacity(request.body_length().unwrap_or(0).min(BODY_BYTES_MAX));
        if request.as_reader().take(BODY_BYTES_MAX as u64).read_to_end(&mut body).is_err() {
            return; // The connection broke off.
        }
        let Some((method, path, query)) = parts(&request) else { return };
        let response = match route::find(&method, &path) {
            Ok(route) => {
                let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
                let now = self.context.store.now();
                let parsed = Request { path, query, token, is_cookie, cookie, address, body, now };
                route.respond(&self.context, &parsed)
            }
            Err(response) => response,
        };
        if let Err(error) = send(response, request) {
            tracing::warn!(%error, "a response broke off");
        }
    }
}

/// Method, decoded path and query.
fn parts(request: &tiny_http::Request) -> Option<(String, String, String)> {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    let path = http::head::decoded_path(path).ok()?;
    debug_assert!(path != PROBE || !request.headers().is_empty());
    Some((request.method().as_str().to_owned(), path, query.to_owned()))
}

/// Sends a response through the library. Its body is never a stream.
fn send(response: http::Response, request: tiny_http::Request) -> io::Result<()> {
    let status = tiny_http::StatusCode(response.status);
    let code = response.code.map(|code| (CODE_HEADER.to_owned(), code.to_owned()));
    let headers: Vec<tiny_http::Header> = response
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain(code)
        .filter_map(|(name, value)| tiny_http::Header::from_bytes(name, value).ok())
        .collect();
    let bytes = response.into_bytes()?;
    let length = bytes.len();
    let body = io::Cursor::new(bytes);
    let theirs = tiny_http::Response::new(status, headers, body, Some(length), None);
    request.respond(theirs.with_chunked_threshold(usize::MAX))
}
