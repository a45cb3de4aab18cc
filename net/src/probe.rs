//! Asks a server for its health, for the health checks of containers (`--health`).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::endpoint::Endpoint;
use crate::listen::Listen;

/// Bytes of the response that are read. Only the status line is needed.
const ANSWER_MAX: usize = 4096;

/// Asks the server that listens on `listen` for its health. If the entry stands for several addresses, one healthy answer is enough.
///
/// # Errors
/// As for [`probe`], of the last address, or the name does not resolve.
pub fn probe_any(listen: &Listen, deadline: Instant) -> Result<(), String> {
    let endpoints = listen.endpoints().map_err(|error| format!("{listen}: {error}"))?;
    let mut outcome = Ok(());
    for endpoint in &endpoints {
        outcome = probe(endpoint, deadline);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Requests `/healthz` of the server that listens on `listen`, and gives up at `deadline`.
///
/// # Errors
/// A sentence with the address: the server cannot be reached, or its response is not 200.
pub fn probe(listen: &Endpoint, deadline: Instant) -> Result<(), String> {
    let (server, line) = match listen {
        Endpoint::Tcp(address) => {
            let server = SocketAddr::new(reachable(address.ip()), address.port());
            (server.to_string(), over_tcp(server, deadline))
        }
        Endpoint::Unix(path) => (listen.to_string(), over_unix(path, deadline)),
    };
    match line {
        Ok(line) if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(line) => Err(format!("{server} is not well: {line}")),
        Err(error) => Err(format!("{server} does not answer: {error}")),
    }
}

/// The address at which a server that listens on `address` can be reached from this machine.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        given => given,
    }
}

fn over_tcp(server: SocketAddr, deadline: Instant) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&server, left(deadline)?)?;
    status_line(stream, deadline, |stream, left| {
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))
    })
}

fn over_unix(path: &Path, deadline: Instant) -> io::Result<String> {
    let socket =
        net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // With a full queue of the listener, connecting waits as long as sending may.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(left(deadline)?))?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    status_line(UnixStream::from(socket), deadline, |stream, left| {
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))
    })
}

/// `bound` sets how long a read or a write may take.
fn status_line<S: io::Read + io::Write>(
    mut stream: S,
    deadline: Instant,
    bound: impl Fn(&S, Duration) -> io::Result<()>,
) -> io::Result<String> {
    bound(&stream, left(deadline)?)?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut chunk) = (Vec::new(), [0; ANSWER_MAX]);
    while answer.len() < ANSWER_MAX && !answer.contains(&b'\n') {
        bound(&stream, left(deadline)?)?;
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        answer.extend(&chunk[..count]);
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or("an empty answer").to_owned())
}

/// The time until `deadline`. It is never zero, which would mean no timeout to a socket.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::PROBE_PATIENCE;
    use os_thread::SERVICE_STACK_BYTES;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    fn soon() -> Instant {
        Instant::now() + PROBE_PATIENCE
    }

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
        os_thread::spawn("health-test", SERVICE_STACK_BYTES, serve).unwrap();
        Endpoint::Tcp(address)
    }

    #[test]
    fn only_200_is_well() {
        assert_eq!(probe(&server("HTTP/1.1 200 OK\r\n\r\n{}"), soon()), Ok(()));
        let port = server("HTTP/1.1 200 OK\r\n\r\n").tcp().unwrap().port();
        assert_eq!(probe_any(&Listen::All(port), soon()), Ok(()));
        let unwell = server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert!(probe(&unwell, soon()).unwrap_err().contains("503"));
        assert!(probe(&server(""), soon()).unwrap_err().contains("empty"));
    }

    #[test]
    fn nobody_there_or_nobody_answering_is_not_well() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(probe(&Endpoint::Tcp(nobody), soon()).unwrap_err().contains(&nobody.to_string()));
        // The kernel takes the connection; nobody reads it.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let answer = probe(
            &Endpoint::Tcp(silent.local_addr().unwrap()),
            Instant::now() + Duration::from_millis(50),
        );
        assert!(answer.unwrap_err().contains("does not answer"));
    }

    #[test]
    fn a_socket_where_too_many_wait_is_given_up_at_the_deadline() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        net::bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        net::listen(&socket, 0).unwrap();
        // Who waits to be accepted takes the only place.
        let _waiting = UnixStream::connect(&path).unwrap();
        let began = Instant::now();
        let answer = probe(&Endpoint::Unix(path), began + Duration::from_millis(50));
        assert!(answer.unwrap_err().contains("does not answer"));
        assert!(began.elapsed() < PROBE_PATIENCE, "{:?}", began.elapsed());
    }

    /// Each part of the answer comes in time, and all of it does not.
    #[test]
    fn who_answers_byte_by_byte_is_given_up_at_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let drip = move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        let began = Instant::now();
        os_thread::spawn("drip-test", SERVICE_STACK_BYTES, drip).unwrap();
        let answer = probe(&Endpoint::Tcp(address), began + Duration::from_millis(500));
        assert!(answer.unwrap_err().contains("does not answer"));
        assert!(began.elapsed() < PROBE_PATIENCE, "{:?}", began.elapsed());
    }
}
