//! Addresses of peers.

use std::net::{IpAddr, Ipv6Addr};

/// The address that all peers on a Unix socket count as. Its network is never routed (RFC 6666).
pub const UNIX_PEER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1));

/// The address in its simplest form: an IPv4 address from an IPv6 socket (`::ffff:192.0.2.1`) becomes an IPv4 address.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The name of a peer for the log.
pub fn shown(peer: IpAddr) -> String {
    if peer == UNIX_PEER { "unix".to_owned() } else { peer.to_string() }
}
