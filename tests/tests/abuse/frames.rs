//! Frames that no good client sends.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use acceptance::{PATIENCE, raw};
use anyhow::{Result, bail, ensure};

use crate::harness::{Arrangement, Deployment};

const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

#[test]
fn a_frame_that_claims_to_be_huge_is_refused_by_its_header() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    for length in [1_u64 << 62, u64::MAX, 1 << 40, 1 << 32, (64 << 10) + 1] {
        let mut held = Vec::new();
        for _ in 0..20 {
            let mut stream = raw::upgraded(&deployment.endpoints.chat_address())?;
            let mut head = vec![FIN | TEXT, MASKED | 127];
            head.extend(length.to_be_bytes());
            head.extend([1, 2, 3, 4]);
            stream.write_all(&head)?;
            held.push(stream);
        }
        deployment.endpoints.serves()?;
        for stream in &mut held {
            let codes: &[u16] = if length >> 63 == 1 { &[1002, 1009] } else { &[1009] };
            closes_with(stream, codes)?;
        }
    }
    deployment.endpoints.serves()?;
    deployment.runs()
}

#[test]
fn fragments_without_end_are_cut() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    let mut stream = raw::upgraded(&deployment.endpoints.chat_address())?;
    stream.write_all(&small_frame(TEXT, &[b'a'; 100]))?;
    let fragment = small_frame(CONTINUATION, &[b'a'; 100]);
    // The server may close as soon as the whole is over 64 KiB; the rest need not be taken.
    let _ = stream.write_all(&fragment.repeat(2000));
    closes_with(&mut stream, &[1009])?;
    deployment.endpoints.serves()?;

    // Fragments of nothing never reach a size; they must not hold anybody up either.
    let mut stream = raw::upgraded(&deployment.endpoints.chat_address())?;
    stream.write_all(&small_frame(TEXT, b""))?;
    let nothing = small_frame(CONTINUATION, b"").repeat(10_000);
    for _ in 0..20 {
        if stream.write_all(&nothing).is_err() {
            break;
        }
    }
    closes_with(&mut stream, &[1009])?;
    deployment.endpoints.serves()?;
    deployment.runs()
}

#[test]
fn what_rfc_6455_forbids_ends_the_connection() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    let unmasked = [&[FIN | TEXT, 4][..], b"ping"].concat();
    let reserved_bit = small_frame(FIN | 0x40 | TEXT, b"ping");
    let reserved_opcode = small_frame(FIN | 0x3, b"ping");
    let long_ping = [&[FIN | 0x9, MASKED | 126, 1, 0, 1, 2, 3, 4][..], &[0; 256]].concat();
    let fragmented_ping = small_frame(0x9, b"ping");
    let lone_continuation = small_frame(FIN | CONTINUATION, b"ping");
    let bad_frames =
        [unmasked, reserved_bit, reserved_opcode, long_ping, fragmented_ping, lone_continuation];
    for frame in bad_frames {
        let mut stream = raw::upgraded(&deployment.endpoints.chat_address())?;
        stream.write_all(&frame)?;
        closes_with(&mut stream, &[1002])?;
    }
    let mut stream = raw::upgraded(&deployment.endpoints.chat_address())?;
    stream.write_all(&small_frame(FIN | TEXT, b"\xff\xfe\xfd"))?;
    closes_with(&mut stream, &[1007])?;
    deployment.endpoints.serves()?;
    deployment.runs()
}

#[test]
fn floods_of_pings_and_bad_frames_hold_nobody_up() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Guests, &[])?;
    let floods = [small_frame(FIN | 0x9, b"ping"), small_frame(FIN | TEXT, b"{")];
    for frame in floods {
        let many = frame.repeat(1000);
        let mut streams = Vec::new();
        for _ in 0..4 {
            let stream = raw::upgraded(&deployment.endpoints.chat_address())?;
            stream.set_write_timeout(Some(Duration::from_millis(200)))?;
            streams.push(stream);
        }
        // Nobody reads the answers; at some point the server stops taking more, or closes.
        for _ in 0..200 {
            streams.retain_mut(|stream| stream.write_all(&many).is_ok());
        }
        deployment.endpoints.serves()?;
    }
    deployment.runs()
}

/// A masked frame of up to 125 bytes.
fn small_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX).min(125);
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first, MASKED | length];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The server ends this connection, with one of these close codes.
fn closes_with(stream: &mut TcpStream, codes: &[u16]) -> Result<()> {
    use std::io::Read;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut got = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => got.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => bail!("not closed: {error}; got {}", String::from_utf8_lossy(&got)),
        }
        if close_code(&got).is_some() {
            break;
        }
    }
    let code = close_code(&got);
    ensure!(code.is_some_and(|code| codes.contains(&code)), "{code:?} is none of {codes:?}");
    Ok(())
}

/// The code of the close frame among the server's small frames.
fn close_code(mut bytes: &[u8]) -> Option<u16> {
    loop {
        let (&first, &length) = (bytes.first()?, bytes.get(1)?);
        let (start, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
            length => (2, usize::from(length)),
        };
        let payload = bytes.get(start..start + length)?;
        if first & 0x0f == 0x8 {
            return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
        }
        bytes = &bytes[start + length..];
    }
}
