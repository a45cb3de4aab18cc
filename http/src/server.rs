//! An HTTP server on a listener.

use std::io;
use std::sync::Arc;

use net::metrics::Cause;
use net::{Connection, Listener, ListenerConfig, Protocol, Serving, Shutdown};

use crate::deadlines::Deadlines;
use crate::error::HttpError;
use crate::exchange::{self, Server};
use crate::request::request_id;
use crate::response::{Response, Sending};
use crate::service::Service;
use crate::web::{Rules, Web};

/// How a server accepts connections and requests.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The settings of its listener.
    pub listener: ListenerConfig,
    /// The rules for web pages. `None`: requests of web pages are treated like all others.
    pub web: Option<Rules>,
    /// The deadlines for clients.
    pub deadlines: Deadlines,
}

/// Accepts connections until `shutdown` begins. `service` answers their requests.
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
