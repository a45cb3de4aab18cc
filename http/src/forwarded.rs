//! The address of a client: that of the peer, or the one that trusted proxies name in `X-Forwarded-For`.

use std::net::IpAddr;

use net::TrustedProxy;
use net::address::{canonical, shown};
use net::proxy::is_proxy;
use telemetry::log;

use crate::head::Head;

/// The client's address. Any client can send `X-Forwarded-For`, so the header counts only if `peer` is one of `proxies`. Then the
/// rightmost entry that is not a proxy itself is the client; a client can invent all entries left of it. At an entry that is
/// not an address, the search ends with the last address before it.
pub fn client(peer: IpAddr, head: &Head, proxies: &[TrustedProxy]) -> IpAddr {
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

/// Lines of the log name this client while the guard lives.
pub(crate) fn client_context(address: IpAddr) -> log::ContextGuard {
    log::context("client", shown(address))
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
    use net::address::UNIX_PEER;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(peer: &str, forwarded: &[&str], proxies: &[&str]) -> IpAddr {
        let lines: String =
            forwarded.iter().map(|line| format!("X-Forwarded-For: {line}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let proxies: Vec<TrustedProxy> = proxies.iter().map(|text| text.parse().unwrap()).collect();
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
    fn a_proxy_on_a_unix_socket_is_believed_if_it_is_named() {
        let seen = |proxy| seen("100::1", &["6.6.6.6, 1.1.1.1"], &[proxy]);
        assert_eq!((seen("unix"), shown(seen("unix"))), (ip("1.1.1.1"), "1.1.1.1".to_owned()));
        assert_eq!((seen("::/0"), shown(seen("::/0"))), (UNIX_PEER, "unix".to_owned()));
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1:80"], &["10.0.0.1"]), ip("1.1.1.1"));
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:80"], &["10.0.0.1"]), ip("2001:db8::1"));
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]"], &["10.0.0.1"]), ip("2001:db8::1"));
    }

    #[test]
    fn bytes_that_are_not_utf_8_hide_nothing_that_the_proxy_has_added() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: \xff, 9.9.9.9\r\n\r\n";
        let proxies = ["10.0.0.1".parse().unwrap()];
        assert_eq!(client(ip("10.0.0.1"), &Head::parse(head).unwrap(), &proxies), ip("9.9.9.9"));
    }

    #[test]
    fn nonsense_is_the_proxys_own() {
        for nonsense in ["unknown", "", "1.1.1.1, unknown", "1.1.1.1,"] {
            assert_eq!(seen("10.0.0.1", &[nonsense], &["10.0.0.1"]), ip("10.0.0.1"), "{nonsense}");
        }
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.1"]), ip("10.0.0.1"));
    }
}
