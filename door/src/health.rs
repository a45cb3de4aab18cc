//! Asks a server whether it is well, as the health checks of containers do.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::listen::Listen;

/// Bytes of an answer that are read: the status line is all that counts.
const ANSWER_MAX: u64 = 4096;

/// Asks the server that listens there; of several addresses that the entry stands for, one has to answer well.
///
/// # Errors
/// As for [`probe`], of the last address, or the name does not resolve.
pub fn probe_any(listen: &Listen, patience: Duration) -> Result<(), String> {
    let endpoints = listen.endpoints().map_err(|error| format!("{listen}: {error}"))?;
    let mut outcome = Ok(());
    for endpoint in &endpoints {
        outcome = probe(endpoint, patience);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Asks the server that listens on `listen` for `/healthz`, waiting at most `patience` for the connection and for each
/// part of the answer.
///
/// # Errors
/// A sentence with the address: it cannot be reached, or what it answered in place of 200.
pub fn probe(listen: &Endpoint, patience: Duration) -> Result<(), String> {
    let (server, line) = match listen {
        Endpoint::Tcp(address) => {
            let server = SocketAddr::new(reachable(address.ip()), address.port());
            (server.to_string(), over_tcp(server, patience))
        }
        Endpoint::Unix(path) => (listen.to_string(), over_unix(path, patience)),
    };
    match line {
        Ok(line) if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(line) => Err(format!("{server} is not well: {line}")),
        Err(error) => Err(format!("{server} does not answer: {error}")),
    }
}

/// Where a server that listens on `address` can be reached on this machine.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        given => given,
    }
}

fn over_tcp(server: SocketAddr, patience: Duration) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    status_line(stream)
}

fn over_unix(path: &Path, patience: Duration) -> io::Result<String> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    status_line(stream)
}

fn status_line(mut stream: impl io::Read + io::Write) -> io::Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or("an empty answer").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{PROBE_PATIENCE, SERVICE_STACK_BYTES};
    use std::io::Write as _;
    use std::net::TcpListener;

    /// A server that says this to the first who asks.
    fn server(answer: &'static str) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 256];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /healthz "));
            stream.write_all(answer.as_bytes()).unwrap();
        };
        crate::thread::spawn("health-test", SERVICE_STACK_BYTES, serve).unwrap();
        Endpoint::Tcp(address)
    }

    #[test]
    fn only_200_is_well() {
        assert_eq!(probe(&server("HTTP/1.1 200 OK\r\n\r\n{}"), PROBE_PATIENCE), Ok(()));
        let port = server("HTTP/1.1 200 OK\r\n\r\n").tcp().unwrap().port();
        assert_eq!(probe_any(&Listen::All(port), PROBE_PATIENCE), Ok(()));
        let unwell = server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert!(probe(&unwell, PROBE_PATIENCE).unwrap_err().contains("503"));
        assert!(probe(&server(""), PROBE_PATIENCE).unwrap_err().contains("empty"));
    }

    #[test]
    fn nobody_there_or_nobody_answering_is_not_well() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(
            probe(&Endpoint::Tcp(nobody), PROBE_PATIENCE)
                .unwrap_err()
                .contains(&nobody.to_string())
        );
        // The kernel takes the connection; nobody reads it.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let answer = probe(&Endpoint::Tcp(silent.local_addr().unwrap()), Duration::from_millis(50));
        assert!(answer.unwrap_err().contains("does not answer"));
    }
}
