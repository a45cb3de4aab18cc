//! An endpoint at which a server listens: an address and a port, or a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address at which a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix stream socket at this path.
    Unix(PathBuf),
}

impl Endpoint {
    /// The TCP address; `None` for a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        self.tcp().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }

    /// The host and port under which a program on this machine reaches a TCP endpoint. For a server on all addresses this is
    /// `localhost`, since browsers cannot open `0.0.0.0` or `[::]`.
    pub fn to_open(&self) -> Option<String> {
        self.tcp().map(|address| match address.ip().is_unspecified() {
            true => format!("localhost:{}", address.port()),
            false => address.to_string(),
        })
    }

    /// The endpoint for the log, with the address to open if it is another one.
    pub fn listening(&self, scheme: &str) -> String {
        match self.to_open() {
            Some(open) if open != self.to_string() => {
                format!("{self} (from this machine {scheme}://{open})")
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_opened() {
        let at = |address: &str| Endpoint::Tcp(address.parse().unwrap());
        let shown = |address: &str| at(address).listening("http");
        assert_eq!(shown("0.0.0.0:3000"), "0.0.0.0:3000 (from this machine http://localhost:3000)");
        assert_eq!(shown("[::]:3000"), "[::]:3000 (from this machine http://localhost:3000)");
        assert_eq!(shown("127.0.0.1:3000"), "127.0.0.1:3000");
        assert_eq!(at("[::1]:80").to_open().unwrap(), "[::1]:80");
        let unix = Endpoint::Unix("/run/m.sock".into());
        assert_eq!((unix.listening("http").as_str(), unix.to_open()), ("unix:/run/m.sock", None));
    }
}
