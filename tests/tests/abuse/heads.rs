//! Heads and bodies that no good client sends.

use std::io::Write;
use std::time::Duration;

use acceptance::{Endpoints, PATIENCE, raw};
use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Deployment};

/// Deadlines for heads and bodies may be generous, but there are some.
const CUT_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_body_of_a_terabyte_is_refused_unread() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let lengths =
            ["1000000000000", "18446744073709551615", "99999999999999999999999", "-1", "x"];
        for length in lengths {
            let head = format!("HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{{");
            for address in addresses(&deployment.endpoints) {
                let request = format!("GET / {head}");
                let stream = raw::connect(&address, None)?;
                let (status, answer) = raw::exchange(stream, request.as_bytes())?;
                ensure!(status < 500, "{length}: {answer}");
            }
            if let Ok(address) = deployment.endpoints.auth_address() {
                let request = format!("POST /signup {head}");
                let stream = raw::connect(&address, None)?;
                let (status, answer) = raw::exchange(stream, request.as_bytes())?;
                let is_number = length.starts_with('1');
                ensure!(
                    if is_number { status == 413 } else { status == 400 || status == 413 },
                    "{length}: {answer}"
                );
            }
        }
        deployment.endpoints.serves()?;
        deployment.runs()?;
    }
    Ok(())
}

#[test]
fn two_lengths_or_a_chunked_body_smuggle_nothing() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let address = deployment.endpoints.auth_address()?;
    let inner = "POST /logout HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let heads = [
        "Content-Length: 2\r\nContent-Length: 40\r\n",
        "Content-Length: 2, 40\r\n",
        "Content-Length: +2\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Content-Length : 2\r\n",
        " Content-Length: 2\r\n",
    ];
    for head in heads {
        let request = format!("POST /login HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{{}}{inner}");
        let mut stream = raw::connect(&address, None)?;
        stream.write_all(request.as_bytes())?;
        let answer = raw::read_to_end(&mut stream, CUT_WITHIN)?;
        let status = raw::status(&answer).unwrap_or_default();
        ensure!((400..=501).contains(&status), "{head:?}: {answer}");
        ensure!(answer.matches("HTTP/1.").count() == 1, "{head:?}: two answers: {answer}");
    }
    deployment.endpoints.serves()?;
    deployment.runs()
}

#[test]
fn hundreds_of_half_sent_heads_hold_nobody_up() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut held = Vec::new();
        for address in addresses(&deployment.endpoints) {
            for n in 0..400 {
                let mut stream = raw::connect(&address, None)?;
                // Some say nothing at all, some stop in the middle of a word.
                let head: &[u8] = if n % 2 == 0 { b"GET / HTTP/1.1\r\nHost: loc" } else { b"" };
                let _ = stream.write_all(head);
                held.push(stream);
            }
        }
        deployment.endpoints.serves().context("meanwhile")?;
        for stream in &mut held {
            raw::read_to_end(stream, CUT_WITHIN).context("a half-sent head is held for ever")?;
        }
        deployment.endpoints.serves().context("afterwards")?;
        deployment.runs()?;
    }
    Ok(())
}

#[test]
fn a_head_without_end_is_cut() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        for address in addresses(&deployment.endpoints) {
            cut(&address, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", &[b'a'; 65536])?;
            cut(&address, b"GET / HTTP/1.1\r\n", &b"X-Another: header\r\n".repeat(3000))?;
            cut(&address, b"GET /", &[b'a'; 65536])?;
            cut(&address, b"", &b"\r\n".repeat(30_000))?;
        }
        deployment.endpoints.serves()?;
        deployment.runs()?;
    }
    Ok(())
}

#[test]
fn a_body_that_trickles_is_cut_and_holds_nobody_up() -> Result<()> {
    let mut deployment = Deployment::launch(&Arrangement::Messenger, &[])?;
    let address = deployment.endpoints.auth_address()?;
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut stream = raw::connect(&address, None)?;
        stream
            .write_all(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n{")?;
        held.push(stream);
    }
    deployment.endpoints.serves().context("meanwhile")?;
    for stream in &mut held {
        raw::read_to_end(stream, CUT_WITHIN).context("a half-sent body is held for ever")?;
    }
    deployment.endpoints.serves()?;
    deployment.runs()
}

/// Every port there is.
fn addresses(endpoints: &Endpoints) -> Vec<String> {
    [Some(endpoints.chat_address()), endpoints.auth_address().ok()].into_iter().flatten().collect()
}

/// Sends `start` and then `more` for ever; the server must end that long before a gigabyte.
fn cut(address: &str, start: &[u8], more: &[u8]) -> Result<()> {
    const TOO_MUCH: usize = 64 << 20;
    let mut stream = raw::connect(address, None)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut sent = start.len();
    let mut open = stream.write_all(start).is_ok();
    while open && sent < TOO_MUCH {
        open = stream.write_all(more).is_ok();
        sent += more.len();
    }
    ensure!(!open, "{address} took {sent} bytes of a head");
    Ok(())
}
