//! An accepted connection on its own thread.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use telemetry::log;

use crate::address;
use crate::config::ListenerConfig;
use crate::limit::PROXY_HEADER_DEADLINE;
use crate::metrics::{Cause, ConnectionMetrics};
use crate::permits::{Permit, Permits};
use crate::warnings::Warnings;
use crate::{proxy, proxy_protocol};

/// The protocol of a listener's connections.
pub trait Protocol: Send + Sync + 'static {
    /// Serves one connection, on its own thread.
    fn serve(&self, connection: Connection);

    /// The bytes that refuse connection `id` before anything has been read; at most a few hundred.
    fn refusal(&self, cause: Cause, id: u64) -> Vec<u8>;
}

/// The state that the connections of a listener share.
pub struct ListenerShared {
    /// How the listener was set up.
    pub config: ListenerConfig,
    pub(crate) metrics: &'static ConnectionMetrics,
    pub(crate) permits: Permits,
    pub(crate) warnings: Warnings,
}

/// An accepted connection.
pub struct Connection {
    /// Its number, unique in the process.
    pub id: u64,
    /// The socket: blocking, without timeouts, with `TCP_NODELAY`. Other handles may exist, to shut it down.
    pub stream: Arc<TcpStream>,
    /// The peer's address, or what a trusted proxy has named in a PROXY header.
    pub peer: IpAddr,
    /// When it was accepted.
    pub accepted: Instant,
    /// The bytes that have been read already.
    pub received: Vec<u8>,
    /// The permit, which counts the connection. The connection can be evicted until [`Permit::mark_established`].
    pub permit: Permit,
    /// The listener.
    pub listener: Arc<ListenerShared>,
}

impl ListenerShared {
    /// Counts a refused request.
    pub fn count_refused(&self, cause: Cause) {
        self.metrics.refused(cause);
    }

    /// Whether `address` is a trusted proxy.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        proxy::is_proxy(address, &self.config.trusted_proxies)
    }

    /// Warns that `X-Forwarded-For` of `peer`, which is no trusted proxy, is ignored.
    pub fn warn_forwarded_for_ignored(&self, peer: IpAddr) {
        self.warnings.forwarded_for_ignored(&self.config, peer);
    }

    /// Warns that `address` has all the connections it may have.
    pub fn warn_address_full(&self, address: IpAddr) {
        self.warnings.address_full(&self.config, address);
    }
}

/// Prepares the socket and passes the connection to the protocol.
pub(crate) fn handle_connection(
    listener: &Arc<ListenerShared>,
    protocol: &dyn Protocol,
    id: u64,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    accepted: Instant,
    permit: Permit,
) {
    let mut peer = address::canonical(peer);
    // Without this option small frames wait for the client's acknowledgement (Nagle's algorithm). An error is harmless; a
    // Unix socket does not have the option.
    let _ = stream.set_nodelay(true);
    let mut received = Vec::new();
    if listener.is_proxy(peer) {
        match proxy_protocol::read(&stream, &mut received, accepted + PROXY_HEADER_DEADLINE) {
            Ok(Some(client)) => peer = address::canonical(client),
            Ok(None) => {}
            Err(error) => {
                listener.metrics.refused(Cause::BadHead);
                return tracing::debug!(%error, peer = address::shown(peer), "no valid PROXY header");
            }
        }
    }
    let _context = [log::context("conn", id), log::context("peer", address::shown(peer))];
    let listener = Arc::clone(listener);
    protocol.serve(Connection { id, stream, peer, accepted, received, permit, listener });
}
