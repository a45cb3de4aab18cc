//! Binding sockets that listen.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::endpoint::Endpoint;
use crate::limit::{LISTEN_BACKLOG, PORT_TRIES_MAX};
use crate::listen::Listen;
use crate::unix_socket::{self, SocketFile};

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) endpoint: Endpoint,
    /// The file of a Unix socket.
    pub(crate) file: Option<Arc<SocketFile>>,
}

/// Binds every endpoint of each entry.
pub(crate) fn all(entries: &[Listen]) -> io::Result<Vec<Bound>> {
    let mut found = Vec::new();
    for entry in entries {
        let endpoints = entry.endpoints().map_err(|error| with_name(entry, &error))?;
        found.push(endpoints);
    }
    // An IPv6 socket for all addresses also accepts IPv4, unless another socket is to be bound to that port.
    let has_all_of_ipv4 = |port| {
        let all = found.iter().flatten().filter_map(Endpoint::tcp);
        all.filter(|it| it.is_ipv4() && it.ip().is_unspecified()).any(|it| it.port() == port)
    };
    let mut bound = Vec::new();
    for endpoints in &found {
        bound.extend(together(endpoints, has_all_of_ipv4)?);
    }
    Ok(bound)
}

/// Binds one endpoint.
pub(crate) fn one(endpoint: &Endpoint, is_ipv6_only: bool) -> io::Result<Bound> {
    let (socket, endpoint, file) = match endpoint {
        Endpoint::Tcp(address) => {
            let (socket, taken) = tcp(*address, is_ipv6_only)?;
            (socket, Endpoint::Tcp(taken), None)
        }
        Endpoint::Unix(path) => {
            let (socket, file) = unix_socket::listen(path)?;
            (socket, endpoint.clone(), Some(Arc::new(file)))
        }
    };
    Ok(Bound { socket, endpoint, file })
}

/// Binds the endpoints of one entry, all at the same port. If the system chooses the port for the first endpoint, it may be in
/// use at another one; then another port is tried.
fn together(
    endpoints: &[Endpoint],
    has_all_of_ipv4: impl Fn(u16) -> bool,
) -> io::Result<Vec<Bound>> {
    let mut tries = 1;
    loop {
        match at_one_port(endpoints, &has_all_of_ipv4) {
            Err((error, true))
                if error.kind() == ErrorKind::AddrInUse && tries < PORT_TRIES_MAX =>
            {
                tries += 1;
            }
            done => return done.map_err(|(error, _)| error),
        }
    }
}

/// An error has a flag that says whether another port may work.
fn at_one_port(
    endpoints: &[Endpoint],
    has_all_of_ipv4: impl Fn(u16) -> bool,
) -> Result<Vec<Bound>, (io::Error, bool)> {
    let mut bound = Vec::<Bound>::new();
    for endpoint in endpoints {
        let wanted = endpoint.tcp();
        let is_ipv6_only = wanted.is_some_and(|address| has_all_of_ipv4(address.port()));
        let taken = bound.first().and_then(|first| first.endpoint.tcp());
        let chosen = taken.filter(|_| wanted.is_some_and(|address| address.port() == 0));
        let endpoint = match (wanted, chosen) {
            (Some(address), Some(chosen)) => {
                Endpoint::Tcp(SocketAddr::new(address.ip(), chosen.port()))
            }
            _ => endpoint.clone(),
        };
        match one(&endpoint, is_ipv6_only) {
            Ok(one) => bound.push(one),
            Err(error) if !bound.is_empty() && is_without_ipv6(&endpoint, &error) => {
                tracing::debug!(%endpoint, %error, "no IPv6 here");
            }
            Err(error) => return Err((with_name(&endpoint, &error), chosen.is_some())),
        }
    }
    Ok(bound)
}

/// Whether the error only means that the machine has no IPv6.
fn is_without_ipv6(endpoint: &Endpoint, error: &io::Error) -> bool {
    let is_general = |ip: std::net::IpAddr| ip.is_loopback() || ip.is_unspecified();
    let errnos = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(Errno::raw_os_error);
    endpoint.tcp().is_some_and(|it| it.is_ipv6() && is_general(it.ip()))
        && error.raw_os_error().is_some_and(|errno| errnos.contains(&errno))
}

fn tcp(address: SocketAddr, is_ipv6_only: bool) -> io::Result<(Arc<OwnedFd>, SocketAddr)> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(family, kind, flags, Some(ipproto::TCP))?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() && address.ip().is_unspecified() && is_ipv6_only {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    let taken = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((Arc::new(socket), taken))
}

fn with_name(what: &impl std::fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(entries: &[&str]) -> Vec<SocketAddr> {
        let entries: Vec<Listen> = entries.iter().map(|entry| entry.parse().unwrap()).collect();
        all(&entries).unwrap().iter().filter_map(|bound| bound.endpoint.tcp()).collect()
    }

    #[test]
    fn both_families_get_the_same_free_port() {
        let taken = endpoints(&[":0"]);
        assert!(taken[0].ip().is_unspecified() && taken[0].is_ipv4() && taken[0].port() > 0);
        assert!(taken.iter().all(|it| it.port() == taken[0].port()), "{taken:?}");
        let localhost = endpoints(&["localhost:0"]);
        assert!(localhost.iter().all(|it| it.ip().is_loopback()), "{localhost:?}");
        assert!(localhost.iter().all(|it| it.port() == localhost[0].port()), "{localhost:?}");
    }

    #[test]
    fn several_entries_are_bound_one_by_one() {
        assert_eq!(endpoints(&["127.0.0.1:0", "127.0.0.1:0"]).len(), 2);
        let port = endpoints(&["127.0.0.1:0"])[0].port();
        let (four, six) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
        if one(&Endpoint::Tcp("[::1]:0".parse().unwrap()), false).is_ok() {
            assert_eq!(endpoints(&[&four, &six]).len(), 2, "an IPv6 socket leaves IPv4 alone");
        }
        let taken = one(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), false).unwrap();
        let entry = Listen::Address(taken.endpoint.tcp().unwrap());
        let error = all(&["127.0.0.1:0".parse().unwrap(), entry]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&taken.endpoint.to_string()), "{error}");
    }
}
