//! Asks a server whether it is well, as the health checks of containers do.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Bytes of an answer that are read: the status line is all that counts.
const ANSWER_MAX: u64 = 4096;

/// Asks the server that listens on `listen` for `/healthz`, waiting at most `patience` for the connection and for each
/// part of the answer.
///
/// # Errors
/// A sentence with the address: it cannot be reached, or what it answered in place of 200.
pub fn probe(listen: SocketAddr, patience: Duration) -> Result<(), String> {
    let server = SocketAddr::new(reachable(listen.ip()), listen.port());
    match status_line(server, patience) {
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

fn status_line(server: SocketAddr, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
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
    use std::net::TcpListener;

    /// A server that says this to the first who asks.
    fn server(answer: &'static str) -> SocketAddr {
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
        address
    }

    #[test]
    fn only_200_is_well() {
        assert_eq!(probe(server("HTTP/1.1 200 OK\r\n\r\n{}"), PROBE_PATIENCE), Ok(()));
        let everywhere =
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), server("HTTP/1.1 200 OK\r\n\r\n").port());
        assert_eq!(probe(everywhere, PROBE_PATIENCE), Ok(()));
        let unwell = server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert!(probe(unwell, PROBE_PATIENCE).unwrap_err().contains("503"));
        assert!(probe(server(""), PROBE_PATIENCE).unwrap_err().contains("empty"));
    }

    #[test]
    fn nobody_there_or_nobody_answering_is_not_well() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(probe(nobody, PROBE_PATIENCE).unwrap_err().contains(&nobody.to_string()));
        // The kernel takes the connection; nobody reads it.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let answer = probe(silent.local_addr().unwrap(), Duration::from_millis(50));
        assert!(answer.unwrap_err().contains("does not answer"));
    }
}
