//! The settings of a listener.

use crate::proxy::TrustedProxy;

/// How a server accepts connections.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The server's name, in threads, logs and metrics.
    pub name: &'static str,
    /// Connections at a time, in total.
    pub connections_max: usize,
    /// Connections at a time from one address (IPv6: one /64). Loopback addresses have no such bound.
    pub connections_per_address: usize,
    /// Peers whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<TrustedProxy>,
}
