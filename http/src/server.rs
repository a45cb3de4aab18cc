//! A listener that speaks HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use net::metrics::Cause;
use net::{Connection, Listener, ListenerConfig, Protocol, Serving, Shutdown};

use crate::error::HttpError;
use crate::exchange;
use crate::limit::{BODY_DEADLINE, HEAD_DEADLINE, IDLE_DEADLINE, REFUSAL_HELD, RESPONSE_DEADLINE};
use crate::request::request_id;
use crate::response::{Response, Sending};
use crate::service::Service;
use crate::web::{Rules, Web};

/// How a server accepts connections and requests.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// How it listens.
    pub listener: ListenerConfig,
    /// What web pages may do; without it they are not told from programs.
    pub web: Option<Rules>,
    /// How long a client may take.
    pub deadlines: Deadlines,
}

/// How long a client may take for what. The defaults are those of [`crate::limit`].
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the first byte of a head to its end; also from accept to the first byte.
    pub head: Duration,
    /// From a response to the first byte of the next head.
    pub idle: Duration,
    /// From the call for a body to its end.
    pub body: Duration,
    /// The longest pause in taking a response, and the time before its least rate applies.
    pub response: Duration,
    /// How long a delayed refusal is held back.
    pub refusal: Duration,
    /// For the client to close after the last response.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: HEAD_DEADLINE,
            idle: IDLE_DEADLINE,
            body: BODY_DEADLINE,
            response: RESPONSE_DEADLINE,
            refusal: REFUSAL_HELD,
            linger: net::limit::LINGER,
        }
    }
}

/// What all connections of a server share.
pub(crate) struct Server {
    pub(crate) service: Box<dyn Service>,
    pub(crate) web: Option<Web>,
    pub(crate) deadlines: Deadlines,
    pub(crate) shutdown: Shutdown,
}

/// Accepts until `shutdown` begins, and answers what comes by `service`.
///
/// # Errors
/// The accept threads could not be started.
pub fn serve(
    listener: Listener,
    config: ServerConfig,
    shutdown: &Shutdown,
    service: impl Service,
) -> io::Result<Serving> {
    let web = config.web.map(|rules| Web::new(rules, listener.endpoints()));
    let (service, shutdown) = (Box::new(service), shutdown.clone());
    let begun = shutdown.clone();
    let server = Server { service, web, deadlines: config.deadlines, shutdown };
    let protocol: Arc<dyn Protocol> = Arc::new(server);
    listener.serve(config.listener, &begun, &protocol)
}

impl Protocol for Server {
    fn serve(&self, connection: Connection) {
        exchange::serve(self, connection);
    }

    fn refusal(&self, cause: Cause, id: u64) -> Vec<u8> {
        let error = match cause {
            Cause::AddressFull => HttpError::address_full(),
            _ => HttpError::unavailable("the server is full"),
        };
        let request_id = request_id(id, 1);
        let sending = Sending { request_id: &request_id, is_last: true, ..Sending::default() };
        Response::from(error).to_bytes(&sending)
    }
}
