//! Accepting: one thread for each bound socket that never waits for a client, and one thread for each connection.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::SocketFlags;

use crate::address::UNIX_PEER;
use crate::bind::{self, Bound};
use crate::config::ListenerConfig;
use crate::connection::{ListenerShared, Protocol, handle_connection};
use crate::endpoint::Endpoint;
use crate::limit::{ACCEPT_BACKOFF, DRAIN_GRACE, SESSION_STACK_BYTES};
use crate::linger::LingeringClose;
use crate::listen::Listen;
use crate::metrics::{self, Cause};
use crate::permits::Permits;
use crate::shutdown::Shutdown;
use crate::unix_socket::SocketFile;
use crate::warnings::Warnings;

/// The number of the next connection. Numbers are unique in the process, so a number in the log means one connection.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Bound sockets. New connections queue in the kernel until [`Listener::serve`].
#[derive(Debug)]
pub struct Listener {
    bound: Vec<Bound>,
}

/// A listener that serves.
pub struct Serving {
    name: &'static str,
    endpoints: Vec<Endpoint>,
    permits: Permits,
    shutdown: Shutdown,
    accepting: Vec<JoinHandle<()>>,
    /// The files of Unix sockets, which are removed when this is dropped at the latest.
    _files: Vec<Arc<SocketFile>>,
}

impl Listener {
    /// Binds the endpoints of all entries. Port 0 takes a free port.
    ///
    /// # Errors
    /// The endpoint and the system's error: the address is in use, belongs to another machine, or is not permitted.
    pub fn bind(entries: &[Listen]) -> io::Result<Self> {
        Ok(Self { bound: bind::all(entries)? })
    }

    /// Binds one address. Port 0 takes a free port.
    ///
    /// # Errors
    /// As for [`Listener::bind`].
    pub fn bind_address(address: SocketAddr) -> io::Result<Self> {
        Self::bind(&[Listen::Address(address)])
    }

    /// The bound endpoints, with their actual ports.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.bound.iter().map(|bound| &bound.endpoint)
    }

    /// Accepts connections until `shutdown` begins. Each connection gets a permit and a thread, on which `protocol` serves it. A
    /// panic there ends that connection only.
    ///
    /// # Errors
    /// The accept threads could not be started.
    pub fn serve(
        self,
        config: ListenerConfig,
        shutdown: &Shutdown,
        protocol: &Arc<dyn Protocol>,
    ) -> io::Result<Serving> {
        let server = metrics::named(config.name);
        let permits = Permits::new(&config, server);
        let endpoints = self.endpoints().cloned().collect();
        let thread_name = format!("{}-accept", config.name);
        let name = config.name;
        let shared = ListenerShared {
            config,
            metrics: server,
            permits: permits.clone(),
            warnings: Warnings::default(),
        };
        let shared = Arc::new(shared);
        let files = self.bound.iter().filter_map(|bound| bound.file.clone()).collect();
        let open = Arc::new(AtomicUsize::new(self.bound.len()));
        let mut accepting = Vec::new();
        for bound in self.bound {
            // On Linux a shutdown wakes accept(2), and a close does not. The handle is weak, so that the port is free again as
            // soon as the accept thread ends.
            let socket: Weak<OwnedFd> = Arc::downgrade(&bound.socket);
            let (shared, open, begun) = (Arc::clone(&shared), Arc::clone(&open), shutdown.clone());
            let protocol = Arc::clone(protocol);
            accepting.push(os_thread::spawn(
                &thread_name,
                os_thread::SERVICE_STACK_BYTES,
                move || {
                    accept(&bound, &shared, &protocol, &begun);
                    if let Some(file) = &bound.file {
                        file.remove();
                    }
                    if open.fetch_sub(1, Ordering::AcqRel) == 1 {
                        shared.permits.close();
                    }
                },
            )?);
            shutdown.on_begin(move || {
                if let Some(socket) = socket.upgrade() {
                    let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Both);
                }
            });
        }
        Ok(Serving {
            name,
            endpoints,
            permits,
            shutdown: shutdown.clone(),
            accepting,
            _files: files,
        })
    }
}

impl Serving {
    /// Logs each endpoint, with its actual port.
    pub fn log_endpoints(&self, scheme: &str) {
        for endpoint in &self.endpoints {
            tracing::info!("{} listening on {}", self.name, endpoint.listening(scheme));
        }
    }

    /// Waits until every connection has ended. Returns `false` if `deadline` passes first. Once the shutdown has begun, it also
    /// waits for connections that are just being accepted. Connections that are still pending after [`DRAIN_GRACE`] are
    /// evicted, so that the spare connection of a browser does not delay the end.
    pub fn wait(&self, deadline: Duration) -> bool {
        let (grace, is_ending) = (DRAIN_GRACE.min(deadline), self.shutdown.has_begun());
        if self.permits.wait_until_returned(grace, is_ending) {
            return true;
        }
        if is_ending {
            self.permits.evict_all();
        }
        self.permits.wait_until_returned(deadline - grace, is_ending)
    }

    /// Connections that hold a permit now.
    pub fn connections(&self) -> usize {
        self.permits.held()
    }

    /// Whether every accept thread still runs; they end only by shutdown.
    pub fn is_accepting(&self) -> bool {
        self.accepting.iter().all(|thread| !thread.is_finished())
    }
}

fn accept(
    bound: &Bound,
    shared: &Arc<ListenerShared>,
    protocol: &Arc<dyn Protocol>,
    shutdown: &Shutdown,
) {
    let mut lingering = LingeringClose::default();
    while !shutdown.has_begun() {
        lingering.wait(&bound.socket);
        match accept_one(bound) {
            Ok((stream, peer)) => {
                on_accept(shared, protocol, Arc::new(stream), peer, &mut lingering)
            }
            Err(_) if shutdown.has_begun() => break,
            Err(error) => {
                shared.metrics.refused(Cause::AcceptError);
                // Usually descriptors have run out. The lingering sockets are the ones that can be closed early.
                lingering.clear();
                shared.permits.evict_some();
                if shared.warnings.is_accept_error_due() {
                    tracing::warn!(server = shared.config.name, %error, "cannot accept a connection; going on");
                }
                shutdown.wait_for(ACCEPT_BACKOFF);
            }
        }
    }
    lingering.clear();
}

/// The next connection and the address of its peer. A Unix socket becomes a `TcpStream`, too: reading, writing and shutting down
/// work alike, and only the options of TCP fail.
fn accept_one(bound: &Bound) -> io::Result<(TcpStream, IpAddr)> {
    let (socket, peer) = rustix::net::acceptfrom_with(&bound.socket, SocketFlags::CLOEXEC)?;
    let peer = match (&bound.endpoint, peer) {
        (Endpoint::Unix(_), _) => UNIX_PEER,
        (Endpoint::Tcp(_), Some(peer)) => SocketAddr::try_from(peer)?.ip(),
        (Endpoint::Tcp(_), None) => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    Ok((TcpStream::from(socket), peer))
}

fn on_accept(
    shared: &Arc<ListenerShared>,
    protocol: &Arc<dyn Protocol>,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    lingering: &mut LingeringClose,
) {
    let accepted = Instant::now();
    shared.metrics.accepted();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let permit = match shared.permits.admit(peer, &stream) {
        Ok(permit) => permit,
        Err(cause) => {
            shared.metrics.refused(cause);
            if cause == Cause::AddressFull {
                shared.warn_address_full(peer);
            }
            return lingering.send_and_close(stream, &protocol.refusal(cause, id));
        }
    };
    let (name, theirs) = (format!("{}-{id}", shared.config.name), Arc::clone(&stream));
    let (shared_too, protocol_too) = (Arc::clone(shared), Arc::clone(protocol));
    let thread = os_thread::spawn_detached(&name, SESSION_STACK_BYTES, move || {
        handle_connection(&shared_too, &*protocol_too, id, theirs, peer, accepted, permit);
    });
    if let Err(error) = thread {
        // The closure that was not run has dropped the permit. A later connection may get a thread.
        shared.metrics.refused(Cause::NoThread);
        tracing::debug!(conn = id, %error, "no thread");
        lingering.send_and_close(stream, &protocol.refusal(Cause::NoThread, id));
    }
}
