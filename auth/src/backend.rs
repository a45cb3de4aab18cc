//! The HTTP library that runs the handlers, on a private socket.
//!
//! `tiny_http` never reads the bytes of a client: `net` has read the whole request and written it anew.
//! One thread receives; each request gets a thread of its own, never more of them than the listener has given permits.

use std::io::{self, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use net::{PrivateSocket, Shutdown};
use os_thread::SERVICE_STACK_BYTES;

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::{PROBE_INTERVAL, RELISTEN_PAUSE, REQUEST_STACK_BYTES};
use crate::request::Request;
use crate::response::Response;
use crate::{metrics, route};

/// What the receiving thread requests from its own socket after a while of silence.
const PROBE: &str = "/.probe";

/// Serves what comes to a private socket, on a thread of its own, until `end` begins.
///
/// # Errors
/// The socket cannot be had, or no thread be started.
pub(crate) fn serve(context: Arc<Context>, end: &Shutdown) -> io::Result<Arc<PrivateSocket>> {
    let (socket, listener) = PrivateSocket::create()?;
    let (socket, server) = (Arc::new(socket), library(listener)?);
    let (theirs, end) = (Arc::clone(&socket), end.clone());
    let receive = move || keep_receiving(server, &theirs, &context, &end);
    os_thread::spawn("auth-receive", SERVICE_STACK_BYTES, receive)?;
    Ok(socket)
}

fn library(listener: UnixListener) -> io::Result<tiny_http::Server> {
    tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)
}

fn keep_receiving(
    mut server: tiny_http::Server,
    socket: &PrivateSocket,
    context: &Arc<Context>,
    end: &Shutdown,
) {
    loop {
        receive(&server, socket.path(), context, end);
        drop(server);
        // It would wake its accepting thread, if that still waits, by a path that is no more.
        let _ = UnixStream::connect(socket.path());
        server = loop {
            if end.has_begun() {
                return;
            }
            tracing::error!("the HTTP library has gone deaf; starting it anew");
            match socket.listen_anew().and_then(library) {
                Ok(server) => break server,
                Err(error) => tracing::error!(%error, "the private socket cannot be made"),
            }
            end.wait_for(RELISTEN_PAUSE);
        };
    }
}

/// Receives until `end`, or until the library no longer accepts: an error of accept ends its loop for good, a panic
/// there does so without a word. So after a silence it is sent a request, and has to deliver it.
fn receive(server: &tiny_http::Server, socket: &Path, context: &Arc<Context>, end: &Shutdown) {
    let mut is_probed = false;
    while !end.has_begun() {
        match server.recv_timeout(PROBE_INTERVAL) {
            Ok(Some(request)) => {
                is_probed = false;
                context.heartbeat.beat();
                if is_probe(&request) {
                    // Nobody reads the answer.
                    let _ = request.respond(tiny_http::Response::empty(204));
                } else {
                    attend(request, context);
                }
            }
            Ok(None) if is_probed => return,
            Ok(None) => match probe(socket) {
                Ok(()) => is_probed = true,
                Err(error) => return tracing::error!(%error, "the private socket is not there"),
            },
            Err(error) => return tracing::error!(%error, "the HTTP library cannot accept"),
        }
    }
}

/// Every forwarded request has an `X-Request-Id`; a client that requests this path gets the usual 404.
fn is_probe(request: &tiny_http::Request) -> bool {
    let is_numbered = request.headers().iter().any(|header| header.field.equiv("X-Request-Id"));
    request.url() == PROBE && !is_numbered
}

/// Sends the server a request of its own.
fn probe(socket: &Path) -> io::Result<()> {
    let head = format!("GET {PROBE} HTTP/1.1\r\nConnection: close\r\n\r\n");
    UnixStream::connect(socket)?.write_all(head.as_bytes())
}

/// Starts a request's thread.
fn attend(request: tiny_http::Request, context: &Arc<Context>) {
    let context = Arc::clone(context);
    let work = move || answer(request, &context);
    if let Err(error) = os_thread::spawn("auth-request", REQUEST_STACK_BYTES, work) {
        // The request went with the closure; the library has answered it with a bare 500.
        tracing::error!(%error, "no thread for a request");
    }
}

/// Answers one request and takes it down in the log, without anything that tells who it was about.
fn answer(mut theirs: tiny_http::Request, context: &Context) {
    let begin = Instant::now();
    // The connection broke off, which has been logged.
    let Ok(request) = Request::read(&mut theirs, context.store.now()) else { return };
    let _context = telemetry::log::context("request", &request.id);
    let outcome = catch_unwind(AssertUnwindSafe(|| route::answer(context, &request)));
    let outcome = outcome.unwrap_or_else(|_| Err(ApiError::internal(&"a panic")));
    let answer = outcome.unwrap_or_else(Response::from).header("X-Request-Id", request.id.clone());
    let (status, code) = (answer.status, answer.code);
    if let Err(error) = answer.send(theirs) {
        tracing::warn!(%error, "an answer broke off");
    }
    answered(&request.method, &request.path, status, code, begin);
}

/// One line for one request.
pub(crate) fn answered(
    method: &str,
    path: &str,
    status: u16,
    code: Option<&'static str>,
    begin: Instant,
) {
    metrics::answered(status, code);
    let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Methods are a stranger's words as well.
    let method = if method.len() <= 16 { method } else { "(long)" };
    let code = code.unwrap_or("-");
    tracing::info!(method, path = route::name(path), status, code, ms, "answered");
}

#[cfg(test)]
#[path = "backend/tests.rs"]
mod tests;
