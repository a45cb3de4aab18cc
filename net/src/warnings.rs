//! Warnings for the operator about settings that may be missing, at most one line per interval.

use std::net::IpAddr;
use std::time::Instant;

use telemetry::LogLimiter;

use crate::address;
use crate::config::ListenerConfig;
use crate::limit::{ACCEPT_WARN_INTERVAL, WARN_INTERVAL};

/// The warnings of one listener.
pub(crate) struct Warnings {
    forwarded_for: LogLimiter,
    address_full: LogLimiter,
    accept_error: LogLimiter,
}

impl Default for Warnings {
    fn default() -> Self {
        Self {
            forwarded_for: LogLimiter::new(WARN_INTERVAL),
            address_full: LogLimiter::new(WARN_INTERVAL),
            accept_error: LogLimiter::new(ACCEPT_WARN_INTERVAL),
        }
    }
}

impl Warnings {
    /// Warns that `peer` sends `X-Forwarded-For` and is no trusted proxy: all its clients count as one address.
    #[inline(never)] // The connection sleeps below whatever this frame would hold.
    pub(crate) fn forwarded_for_ignored(&self, config: &ListenerConfig, peer: IpAddr) {
        if self.forwarded_for.is_due("", Instant::now()) {
            tracing::warn!(
                server = config.name,
                address = address::shown(peer),
                "the X-Forwarded-For header of this peer is ignored; if it is your reverse proxy, name it with --trusted-proxy"
            );
        }
    }

    /// Warns that `address` has all the connections it may have.
    pub(crate) fn address_full(&self, config: &ListenerConfig, address: IpAddr) {
        if self.address_full.is_due("", Instant::now()) {
            tracing::warn!(
                server = config.name,
                address = address::shown(address::canonical(address)),
                most = config.connections_per_address,
                "this address has all the connections it may have; raise --connections-per-address, or, if it is your \
                 reverse proxy, name it with --trusted-proxy"
            );
        }
    }

    /// Whether a failure of accept(2) is to be logged now.
    pub(crate) fn is_accept_error_due(&self) -> bool {
        self.accept_error.is_due("", Instant::now())
    }
}
