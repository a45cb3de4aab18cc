//! The handlers of accounts run on `tiny_http` (decision 4). Nothing outside of this folder knows that library.
//!
//! `tiny_http` never reads the bytes of a client. A complete and valid request is written anew to a private Unix socket
//! ([`connections`]), and the complete response is read back. Connections to the library are kept. The library's side
//! is in [`library`]: threads that receive requests and call the handlers.

mod connections;
mod library;
mod private_socket;

use std::io;
use std::sync::Arc;

use http::Response;
use net::Shutdown;

use crate::context::Context;
use crate::error::ApiError;
use connections::Connections;

/// The connection pool to the handlers.
pub(crate) struct Backend(Arc<Connections>);

impl Backend {
    /// Starts the library, which runs until `end` begins.
    ///
    /// # Errors
    /// The private socket cannot be created, or a thread cannot be started.
    pub(crate) fn start(context: &Arc<Context>, end: &Shutdown) -> io::Result<Self> {
        library::start(context, end).map(Self)
    }

    /// Passes a request with a whole body to its handler, and returns the response: 503 if the library cannot be
    /// reached, 504 if it takes too long.
    pub(crate) fn call(&self, request: &http::Request<'_>) -> Response {
        self.0.call(request).unwrap_or_else(|error| {
            tracing::warn!(%error, "the HTTP library does not answer");
            match error.kind() {
                io::ErrorKind::TimedOut => {
                    Response::error(504, "timeout", "the service takes too long to answer")
                }
                _ => ApiError::busy("the service is not available just now").into(),
            }
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
