//! The least of RFC 6455 that a client needs.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Masking costs a server the same whatever the mask is, unless it is zero.
const MASK: [u8; 4] = [0x3a, 0xc5, 0x91, 0x7e];

/// Appends the request that begins a connection.
pub(crate) fn upgrade(host: SocketAddr, (path, protocol): (&str, &str), out: &mut Vec<u8>) {
    let protocol = match protocol {
        "" => String::new(),
        name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
    };
    out.extend_from_slice(
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
        )
        .as_bytes(),
    );
}

/// Appends one masked frame.
pub(crate) fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ ..126 => out.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Where the payload of a frame lies.
pub(crate) struct Found {
    pub(crate) opcode: u8,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The frame at the beginning of `bytes`, if all of it is there.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Found>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    ensure!(second & 0x80 == 0, "a masked frame from the server");
    let (start, length) = match (second & 127, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize)
        }
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, usize::from(length)),
    };
    let end = start + length;
    Ok((bytes.len() >= end).then_some(Found { opcode: first & 15, start, end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_survive_the_way() {
        for length in [0, 1, 125, 126, 150, 65_535, 65_536] {
            let mut out = Vec::new();
            put(&mut out, TEXT, &vec![b'x'; length]);
            // As a server's frame would be: without the mask and its bit.
            let mask = out.windows(4).position(|window| window == MASK).unwrap();
            out.drain(mask..mask + 4);
            out[1] &= 127;
            let found = first(&out).unwrap().unwrap();
            assert_eq!(
                (found.opcode, found.end - found.start, found.end),
                (TEXT, length, out.len())
            );
            assert!(first(&out[..out.len() - 1]).unwrap().is_none() || length == 0);
        }
    }
}
