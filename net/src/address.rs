//! Addresses of peers.

use std::net::{IpAddr, Ipv6Addr};

use crate::proxy::TrustedProxy;

/// What a peer on a Unix socket counts as: one address, of a network that is never routed (RFC 6666).
pub const UNIX_PEER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1));

/// The same address in one spelling: an IPv4 address that came in over an IPv6 socket is an IPv4 one.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The name of a peer for the log.
pub fn shown(peer: IpAddr) -> String {
    if peer == UNIX_PEER { "unix".to_owned() } else { peer.to_string() }
}

/// Whether `address` is in one of `proxies`, however either is spelt.
pub fn is_proxy(address: IpAddr, proxies: &[TrustedProxy]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(address))
}
