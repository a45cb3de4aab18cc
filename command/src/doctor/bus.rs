//! Checks the message bus between several chat servers.

use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _};

use sql::{Diagnostic, Severity};

use super::Settings;
use crate::limit::BUS_TIMEOUT;

/// What a NATS server says first.
const GREETING: &[u8; 5] = b"INFO ";

pub(super) fn look(settings: &Settings<'_>) -> Vec<Diagnostic> {
    let note = |level, text: String| Diagnostic::new(level, "bus", text);
    let servers = match &settings.bus {
        Ok(servers) => servers,
        Err(error) => return vec![note(Severity::Problem, error.clone())],
    };
    let (answering, silent): (Vec<_>, Vec<_>) =
        servers.iter().map(|server| (server, greets(server))).partition(|(_, it)| it.is_ok());
    let mut advice = Vec::new();
    for (server, _) in &answering {
        advice.push(note(Severity::Fine, format!("NATS answers at {server}")));
    }
    for (server, outcome) in silent {
        let reason = outcome.err().unwrap_or_default();
        let level = if answering.is_empty() { Severity::Problem } else { Severity::Warning };
        advice.push(note(level, format!("NATS does not answer at {server}: {reason}")));
    }
    advice
}

/// Whether a NATS server greets at this `HOST:PORT`.
fn greets(server: &str) -> Result<(), String> {
    let mut addresses = server.to_socket_addrs().map_err(|error| error.to_string())?;
    let address = addresses.next().ok_or("its name has no address")?;
    let mut stream =
        TcpStream::connect_timeout(&address, BUS_TIMEOUT).map_err(|error| error.to_string())?;
    let mut greeting = [0; GREETING.len()];
    stream.set_read_timeout(Some(BUS_TIMEOUT)).map_err(|error| error.to_string())?;
    stream.read_exact(&mut greeting).map_err(|error| error.to_string())?;
    if &greeting == GREETING { Ok(()) } else { Err("this is not a NATS server".to_owned()) }
}
