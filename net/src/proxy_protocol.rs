//! The PROXY protocol, versions 1 and 2: a proxy that forwards bytes names its client in a header before them.
//!
//! Only connections of trusted proxies are checked for it. The header is optional: no HTTP request can begin like one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::time::Instant;

use crate::deadline::recv_append;
use crate::limit::{PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX};

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a header of version 2 before the addresses.
const V2_FIXED: usize = 16;

/// The beginning of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// More bytes are needed to decide.
    Partial,
    /// No PROXY header.
    Absent,
    /// A header with this number of bytes, and the client's address. `None`: the proxy names none, because the connection is its
    /// own or the client has no IP address.
    Header(usize, Option<IpAddr>),
}

/// Reads the header, if there is one, until `by`. Bytes after the header are left in `received`.
///
/// # Errors
/// The header is malformed, or does not come in time.
pub(crate) fn read(
    stream: &TcpStream,
    received: &mut Vec<u8>,
    by: Instant,
) -> io::Result<Option<IpAddr>> {
    loop {
        match parse(received)? {
            Found::Absent => return Ok(None),
            Found::Header(bytes, client) => {
                received.drain(..bytes);
                return Ok(client);
            }
            Found::Partial => {
                received.reserve(PROXY_V2_BYTES_MAX);
                match recv_append(stream, received, by) {
                    // The code that reads the request reports the error.
                    Ok(0) => return Ok(None),
                    Err(error) if received.is_empty() && error.kind() == ErrorKind::TimedOut => {
                        return Ok(None);
                    }
                    outcome => outcome?,
                };
            }
        }
    }
}

fn parse(bytes: &[u8]) -> io::Result<Found> {
    if begins(bytes, V2) {
        return version_2(bytes);
    }
    if begins(bytes, V1) {
        return version_1(bytes);
    }
    Ok(Found::Absent)
}

/// Whether `bytes` begin with `signature`, or could with more of them.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}

fn version_1(bytes: &[u8]) -> io::Result<Found> {
    let line = &bytes[..bytes.len().min(PROXY_V1_BYTES_MAX)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return match line.len() < PROXY_V1_BYTES_MAX {
            true => Ok(Found::Partial),
            false => Err(malformed()),
        };
    };
    let text = std::str::from_utf8(&line[..end]).map_err(|_| malformed())?;
    let words: Vec<&str> = text.split(' ').collect();
    let client = match words[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family, source, target, from, to] => {
            let source: IpAddr = source.parse().map_err(|_| malformed())?;
            let target: IpAddr = target.parse().map_err(|_| malformed())?;
            let is_family = |address: &IpAddr| match family {
                "TCP4" => address.is_ipv4(),
                "TCP6" => address.is_ipv6(),
                _ => false,
            };
            let are_ports = [from, to].iter().all(|port| port.parse::<u16>().is_ok());
            if !is_family(&source) || !is_family(&target) || !are_ports {
                return Err(malformed());
            }
            Some(source)
        }
        _ => return Err(malformed()),
    };
    Ok(Found::Header(end + 2, client))
}

fn version_2(bytes: &[u8]) -> io::Result<Found> {
    let Some(fixed) = bytes.first_chunk::<V2_FIXED>() else { return Ok(Found::Partial) };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > PROXY_V2_BYTES_MAX {
        return Err(malformed());
    }
    let Some(addresses) = bytes.get(V2_FIXED..length) else { return Ok(Found::Partial) };
    let client = match (fixed[12], fixed[13]) {
        // LOCAL: the proxy's own connection, such as a health check.
        (0x20, _) => None,
        (0x21, 0x11) => {
            let (source, _) = addresses.split_first_chunk::<4>().ok_or_else(malformed)?;
            (addresses.len() >= 12).then_some(()).ok_or_else(malformed)?;
            Some(Ipv4Addr::from(*source).into())
        }
        (0x21, 0x21) => {
            let (source, _) = addresses.split_first_chunk::<16>().ok_or_else(malformed)?;
            (addresses.len() >= 36).then_some(()).ok_or_else(malformed)?;
            Some(Ipv6Addr::from(*source).into())
        }
        // Other address families have no IP address.
        (0x21, _) => None,
        _ => return Err(malformed()),
    };
    Ok(Found::Header(length, client))
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "malformed PROXY header")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2, &[command, family], &length, rest].concat()
    }

    #[test]
    fn version_1_names_the_client() {
        for (line, named) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.9 56324 443", client("192.0.2.1")),
            ("PROXY TCP6 2001:db8::1 2001:db8::9 56324 443", client("2001:db8::1")),
            ("PROXY UNKNOWN", None),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2", None),
        ] {
            let bytes = format!("{line}\r\nGET / HTTP/1.1");
            let found = parse(bytes.as_bytes()).unwrap();
            assert_eq!(found, Found::Header(line.len() + 2, named), "{line}");
            for end in 0..line.len() + 2 {
                assert_eq!(parse(&bytes.as_bytes()[..end]).unwrap(), Found::Partial, "{end}");
            }
        }
    }

    #[test]
    fn version_2_names_the_client() {
        let v4 = [&[192, 0, 2, 1, 192, 0, 2, 9, 1, 2, 3, 4][..], b"an extension"].concat();
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[9; 20]].concat();
        for (bytes, named) in [
            (v2(0x21, 0x11, &v4), client("192.0.2.1")),
            (v2(0x21, 0x21, &v6), client("2001:db8::1")),
            (v2(0x21, 0x31, &[0; 216]), None),
            (v2(0x20, 0, &[]), None),
        ] {
            assert_eq!(parse(&bytes).unwrap(), Found::Header(bytes.len(), named));
            for end in 0..bytes.len() {
                assert_eq!(parse(&bytes[..end]).unwrap(), Found::Partial, "{end}");
            }
        }
    }

    #[test]
    fn a_malformed_header_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.9 56324",
            "PROXY TCP4 2001:db8::1 2001:db8::9 1 2",
            "PROXY TCP6 192.0.2.1 192.0.2.9 1 2",
            "PROXY TCP4 192.0.2.1 192.0.2.9 1 65536",
            "PROXY TCP4 192.0.2.1  192.0.2.9 1 2",
            "PROXY / HTTP/1.1",
        ] {
            assert!(parse(format!("{line}\r\n").as_bytes()).is_err(), "{line}");
        }
        let endless = [V1, &[b'x'; PROXY_V1_BYTES_MAX]].concat();
        assert!(parse(&endless).is_err());
        assert!(parse(&v2(0x31, 0x11, &[0; 12])).is_err(), "version 3");
        assert!(parse(&v2(0x22, 0x11, &[0; 12])).is_err(), "an unknown command");
        assert!(parse(&v2(0x21, 0x11, &[0; 11])).is_err(), "too few addresses");
        assert!(parse(&v2(0x21, 0x11, &[0; PROXY_V2_BYTES_MAX])).is_err(), "too long");
    }

    #[test]
    fn a_request_is_no_header() {
        for bytes in [&b"GET / HTTP/1.1"[..], b"\r\nGET", b"POST", b"PRO\r"] {
            assert_eq!(parse(bytes).unwrap(), Found::Absent);
        }
    }
}
