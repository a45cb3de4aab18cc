//! Which address a client has: its peer's, or what a proxy we trust says of it.

use std::net::{IpAddr, SocketAddr};

use crate::head::Head;
use crate::network::Network;

/// The same address in one spelling: an IPv4 address that came in over an IPv6 socket is an IPv4 one.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Host and port under which this machine reaches a server that listens at `address`: of one that listens at all addresses nobody
/// can open `0.0.0.0` or `[::]` itself.
pub fn to_open(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// Where a server listens, for the log; and what to open, if that is something else.
pub fn listening(address: SocketAddr, scheme: &str) -> String {
    if address.ip().is_unspecified() {
        format!("{address} (from this machine {scheme}://{})", to_open(address))
    } else {
        address.to_string()
    }
}

/// The client's address. Anyone can write `X-Forwarded-For`, so it counts only if `peer` is in one of
/// `proxies`, and then only its rightmost entry that is not a proxy itself: what stands left of it
/// was the client's to invent. An entry that is no address ends the search at the last hop known.
pub fn client(peer: IpAddr, head: &Head, proxies: &[Network]) -> IpAddr {
    let mut known = canonical(peer);
    if !is_proxy(known, proxies) {
        return known;
    }
    let lines: Vec<&str> = head.values("x-forwarded-for").collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = parse(entry.trim()) else { break };
        known = address;
        if !is_proxy(known, proxies) {
            break;
        }
    }
    known
}

/// Whether `address` is in one of `proxies`, however either is spelt.
pub fn is_proxy(address: IpAddr, proxies: &[Network]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(address))
}

/// An entry as proxies write it: bare, or with a port (`1.2.3.4:5`, `[::1]:5`).
fn parse(entry: &str) -> Option<IpAddr> {
    if let Ok(address) = entry.parse() {
        return Some(canonical(address));
    }
    if let Ok(socket) = entry.parse::<std::net::SocketAddr>() {
        return Some(canonical(socket.ip()));
    }
    let bare = entry.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse().ok().map(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_opened() {
        let shown = |address: &str| listening(address.parse().unwrap(), "http");
        assert_eq!(shown("0.0.0.0:3000"), "0.0.0.0:3000 (from this machine http://localhost:3000)");
        assert_eq!(shown("[::]:3000"), "[::]:3000 (from this machine http://localhost:3000)");
        assert_eq!(shown("127.0.0.1:3000"), "127.0.0.1:3000");
        assert_eq!(to_open("[::1]:80".parse().unwrap()), "[::1]:80");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(peer: &str, forwarded: &[&str], proxies: &[&str]) -> IpAddr {
        let lines: String =
            forwarded.iter().map(|line| format!("X-Forwarded-For: {line}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        client(ip(peer), &Head::parse(head.as_bytes()).unwrap(), &proxies)
    }

    #[test]
    fn a_stranger_cannot_invent_an_address() {
        assert_eq!(seen("9.9.9.9", &["1.1.1.1"], &["10.0.0.1"]), ip("9.9.9.9"));
        assert_eq!(seen("9.9.9.9", &["1.1.1.1"], &[]), ip("9.9.9.9"));
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_counts() {
        let proxies = ["10.0.0.1", "10.0.0.2"];
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.1.1.1"], &proxies), ip("1.1.1.1"));
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.2"], &proxies), ip("1.1.1.1"));
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "1.1.1.1", "10.0.0.2"], &proxies), ip("1.1.1.1"));
        assert_eq!(seen("::ffff:10.0.0.1", &["1.1.1.1"], &proxies), ip("1.1.1.1"));
    }

    #[test]
    fn a_network_of_proxies_is_believed_as_a_whole() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(seen("10.9.8.7", &["6.6.6.6, 1.1.1.1, 10.1.1.1"], &proxies), ip("1.1.1.1"));
        assert_eq!(seen("2001:db8::7", &["1.1.1.1"], &proxies), ip("1.1.1.1"));
        assert_eq!(seen("11.0.0.1", &["1.1.1.1"], &proxies), ip("11.0.0.1"));
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1:80"], &["10.0.0.1"]), ip("1.1.1.1"));
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:80"], &["10.0.0.1"]), ip("2001:db8::1"));
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]"], &["10.0.0.1"]), ip("2001:db8::1"));
    }

    #[test]
    fn nonsense_is_the_proxys_own() {
        for nonsense in ["unknown", "", "1.1.1.1, unknown", "1.1.1.1,"] {
            assert_eq!(seen("10.0.0.1", &[nonsense], &["10.0.0.1"]), ip("10.0.0.1"), "{nonsense}");
        }
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.1"]), ip("10.0.0.1"));
    }
}
