//! The setting `--listen`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::host::Host;
use crate::limit::SOCKET_PATH_BYTES_MAX;

/// The end of the error for an invalid value.
const EXAMPLES: &str =
    "write ADDRESS:PORT, NAME:PORT, :PORT (all addresses) or unix:PATH, separated by commas";

/// One entry of a `--listen` flag. It may stand for several addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port.
    Address(SocketAddr),
    /// A port, at every address of this machine.
    All(u16),
    /// A name and a port: every address that the name resolves to.
    Name(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// The endpoints to bind, without repetitions. A name is resolved now.
    ///
    /// # Errors
    /// The name does not resolve.
    pub fn endpoints(&self) -> io::Result<Vec<Endpoint>> {
        match self {
            Self::Address(address) => Ok(vec![Endpoint::Tcp(*address)]),
            Self::All(port) => {
                let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
                Ok(all.map(|ip| Endpoint::Tcp(SocketAddr::new(ip, *port))).into())
            }
            Self::Name(name, port) => {
                let mut found = Vec::new();
                for address in (name.as_str(), *port).to_socket_addrs()? {
                    let endpoint = Endpoint::Tcp(address);
                    if !found.contains(&endpoint) {
                        found.push(endpoint);
                    }
                }
                if found.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
                }
                Ok(found)
            }
            Self::Unix(path) => Ok(vec![Endpoint::Unix(path.clone())]),
        }
    }

    /// Whether only this machine can connect there.
    pub fn is_local(&self) -> bool {
        let all = self.endpoints().unwrap_or_default();
        !all.is_empty() && all.iter().all(Endpoint::is_local)
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.len() {
                0 => Err("the path after unix: is missing".to_owned()),
                1..=SOCKET_PATH_BYTES_MAX => Ok(Self::Unix(path.into())),
                _ => Err(format!("a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes")),
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (name, port) = text.rsplit_once(':').ok_or(EXAMPLES)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(EXAMPLES)?;
        match Host::parse(name) {
            _ if name.is_empty() => Ok(Self::All(port)),
            Some(host) if host.port().is_none() => Ok(Self::Name(host.name().to_owned(), port)),
            _ => Err(EXAMPLES.to_owned()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::All(port) => write!(f, ":{port}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Several entries, in the form of the setting.
pub fn list(all: &[Listen]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Listen {
        text.parse().unwrap()
    }

    #[test]
    fn an_entry_is_an_address_a_port_a_name_or_a_path() {
        assert_eq!(parsed("127.0.0.1:0"), Listen::Address("127.0.0.1:0".parse().unwrap()));
        assert_eq!(parsed("[::1]:80"), Listen::Address("[::1]:80".parse().unwrap()));
        assert_eq!(parsed(":8080"), Listen::All(8080));
        assert_eq!(parsed("LocalHost:8080"), Listen::Name("localhost".to_owned(), 8080));
        assert_eq!(parsed("unix:/run/m.sock"), Listen::Unix("/run/m.sock".into()));
        for text in ["127.0.0.1:0", "[::1]:80", ":8080", "localhost:8080", "unix:/run/m.sock"] {
            assert_eq!(parsed(text).to_string(), text);
        }
        let long = format!("unix:/{}", "x".repeat(SOCKET_PATH_BYTES_MAX));
        let bad = ["", "nowhere", "8080", "a:", "a:+1", "a:65536", "::1", "a b:1", "unix:", &long];
        for text in bad {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_alone_means_both_families_and_a_name_all_its_addresses() {
        let shown = |text: &str| {
            let all = parsed(text).endpoints().unwrap();
            all.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(":80"), ["0.0.0.0:80", "[::]:80"]);
        let localhost = shown("localhost:80");
        assert!(localhost.contains(&"127.0.0.1:80".to_owned()), "{localhost:?}");
        assert!(parsed("no-such-name.invalid:80").endpoints().is_err());
    }

    #[test]
    fn loopback_and_unix_sockets_are_local() {
        for (text, is_local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("localhost:1", true),
            ("unix:/run/m.sock", true),
            (":1", false),
            ("10.0.0.7:1", false),
            ("no-such-name.invalid:1", false),
        ] {
            assert_eq!(parsed(text).is_local(), is_local, "{text}");
        }
    }
}
