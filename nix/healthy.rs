//! `healthy PORT`: whether the server at that port of this machine says that it is well.
//!
//! Container images call it as their health check.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(4);

fn main() -> ExitCode {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        eprintln!("usage: healthy PORT");
        return ExitCode::from(2);
    };
    match status(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
        Ok(line) if line.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(line) => complain(&line),
        Err(error) => complain(&error.to_string()),
    }
}

/// The first line of the answer to `GET /healthz`.
fn status(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or("no answer").to_owned())
}

fn complain(what: &str) -> ExitCode {
    eprintln!("not healthy: {what}");
    ExitCode::FAILURE
}
