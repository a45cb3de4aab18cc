//! A host and perhaps its port, as a `Host` header or an origin names it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host name or IP address, and a port if one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// In lower case; an IPv6 address in its shortest form, in brackets.
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Parses `name`, `name:port`, `[ipv6]` or `[ipv6]:port`, in any letter case. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let end = match text.strip_prefix('[') {
            Some(rest) => rest.find(']')? + 2,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (name, port) = text.split_at(end);
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return None,
        };
        let name = match ipv6(name) {
            Some(address) => format!("[{address}]"),
            None if is_name(name) => name.to_ascii_lowercase(),
            None => return None,
        };
        Some(Self { name, port })
    }

    /// The name without the port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same host, with its port left out where it is `default`.
    #[must_use]
    pub fn without_port(self, default: Option<u16>) -> Self {
        Self { port: self.port.filter(|port| Some(*port) != default), ..self }
    }

    /// Whether it is `localhost` or an IP address, which no DNS server of a stranger can redirect.
    pub fn is_literal(&self) -> bool {
        self.name == "localhost"
            || ipv6(&self.name).is_some()
            || self.name.parse::<Ipv4Addr>().is_ok()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)?;
        match self.port {
            Some(port) => write!(out, ":{port}"),
            None => Ok(()),
        }
    }
}

/// A port from 1, in digits without a leading zero.
fn parse_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

fn ipv6(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Whether `name` consists of labels of ASCII letters, digits, `-` and `_`. A name that ends in a number must be an IPv4 address
/// (WHATWG URL).
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').all(is_label) && (!is_number || name.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for (text, name, port) in [
            ("chat.example", "chat.example", None),
            ("Chat.Example:8080", "chat.example", Some(8080)),
            ("my_service:1", "my_service", Some(1)),
            ("127.0.0.1:65535", "127.0.0.1", Some(65535)),
            ("[::1]", "[::1]", None),
            ("[::1]:3000", "[::1]", Some(3000)),
            ("[FD00:0:0::1]", "[fd00::1]", None),
        ] {
            let host = Host::parse(text).unwrap();
            assert_eq!((host.name(), host.port()), (name, port), "{text}");
        }
        for text in [
            "",
            ":80",
            "a:",
            "a:0",
            "a:080",
            "a:+1",
            "a:65536",
            "a:80:80",
            "a b",
            "a/b",
            "a@b",
            "a..b",
            "a.",
            "[::1",
            "[::1]x",
            "[a]",
            "::1",
            "1.2.3",
            "1.2.3.256",
            "é",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_literal_is_localhost_or_an_address() {
        for text in ["localhost:1", "LOCALHOST", "10.0.0.7", "[fd00::1]:8080"] {
            assert!(Host::parse(text).unwrap().is_literal(), "{text}");
        }
        for text in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!Host::parse(text).unwrap().is_literal(), "{text}");
        }
    }
}
