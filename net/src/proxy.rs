//! The setting `--trusted-proxy`: the peers whose `X-Forwarded-For` is trusted.

use std::net::IpAddr;
use std::str::FromStr;

use crate::address::UNIX_PEER;
use crate::network::Network;

/// One entry of `--trusted-proxy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Every peer that connects through a Unix socket of this server.
    Unix,
    /// The peers of a network.
    Network(Network),
}

impl TrustedProxy {
    /// Whether the entry includes this peer.
    pub fn contains(&self, peer: IpAddr) -> bool {
        match self {
            Self::Unix => peer == UNIX_PEER,
            Self::Network(network) => peer != UNIX_PEER && network.contains(peer),
        }
    }
}

impl From<Network> for TrustedProxy {
    fn from(network: Network) -> Self {
        Self::Network(network)
    }
}

impl FromStr for TrustedProxy {
    type Err = String;

    /// Parses `unix`, an address, or a network.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unix" => Ok(Self::Unix),
            _ => text.parse().map(Self::Network).map_err(|error| format!("{error}, or `unix`")),
        }
    }
}

/// Whether `address` is one of `proxies`. An IPv4 address in an IPv6 address counts as IPv4.
pub fn is_proxy(address: IpAddr, proxies: &[TrustedProxy]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_over_a_unix_socket_is_trusted_only_by_name() {
        let trusted = |text: &str, peer| text.parse::<TrustedProxy>().unwrap().contains(peer);
        assert!(trusted("unix", UNIX_PEER));
        for network in ["::/0", "0.0.0.0/0", "100::/64", "127.0.0.1"] {
            assert!(!trusted(network, UNIX_PEER), "{network}");
        }
        assert!(!trusted("unix", "127.0.0.1".parse().unwrap()));
        assert!(trusted("127.0.0.0/8", "127.0.0.1".parse().unwrap()));
        assert!("unix:/run/m.sock".parse::<TrustedProxy>().is_err());
    }
}
