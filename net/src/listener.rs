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
use crate::connection::{ListenerShared, handle_connection};
use crate::endpoint::Endpoint;
use crate::error::HttpError;
use crate::limit::{ACCEPT_BACKOFF, DRAIN_GRACE, SESSION_STACK_BYTES};
use crate::linger::LingeringClose;
use crate::listen::Listen;
use crate::metrics::{self, Cause};
use crate::permits::Permits;
use crate::proxy::TrustedProxy;
use crate::reply::Reply;
use crate::request::{Deadlines, Request};
use crate::shutdown::Shutdown;
use crate::unix_socket::SocketFile;
use crate::warnings::Warnings;
use crate::web::{Rules, Web};

/// Connections are numbered through the whole process, so that a number in a log is one connection.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// How a server accepts connections.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The server's name, in threads, logs and metrics.
    pub name: &'static str,
    /// Connections at once, in all.
    pub connections_max: usize,
    /// Connections at once from one address (IPv6: one /64); this machine's own are not counted.
    pub connections_per_address: usize,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// What web pages may do; without it they are not told from programs.
    pub web: Option<Rules>,
}

/// Bound sockets. Callers queue in the kernel until [`Listener::serve`].
#[derive(Debug)]
pub struct Listener {
    bound: Vec<Bound>,
    deadlines: Deadlines,
}

/// A listener that serves.
pub struct Serving {
    name: &'static str,
    endpoints: Vec<Endpoint>,
    permits: Permits,
    shutdown: Shutdown,
    accepting: Vec<JoinHandle<()>>,
    /// Removed when this is dropped, if not before.
    _files: Vec<Arc<SocketFile>>,
}

impl Listener {
    /// Binds everything that the entries stand for; port 0 takes a free one.
    ///
    /// # Errors
    /// What the system says, after the name of the endpoint: in use, not this machine's, not permitted.
    pub fn bind(entries: &[Listen]) -> io::Result<Self> {
        Ok(Self { bound: bind::all(entries)?, deadlines: Deadlines::default() })
    }

    /// Binds one address; port 0 takes a free one.
    ///
    /// # Errors
    /// As for [`Listener::bind`].
    pub fn bind_address(address: SocketAddr) -> io::Result<Self> {
        Self::bind(&[Listen::Address(address)])
    }

    /// Other deadlines than those of [`crate::limit`], for tests that reach them.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Where it listens, with the ports taken.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.bound.iter().map(|bound| &bound.endpoint)
    }

    /// Accepts until `shutdown` begins. Each connection gets a permit and a thread, which reads the
    /// head and calls `handle`; whatever `handle` does, a panic included, ends that connection only.
    ///
    /// # Errors
    /// The accept threads could not be started.
    pub fn serve(
        self,
        config: ListenerConfig,
        shutdown: &Shutdown,
        handle: impl Fn(Request) + Send + Sync + 'static,
    ) -> io::Result<Serving> {
        let server = metrics::named(config.name);
        let permits = Permits::new(&config, server);
        let endpoints = self.endpoints().cloned().collect();
        let thread_name = format!("{}-accept", config.name);
        let web = config.web.clone().map(|rules| Web::new(rules, self.endpoints()));
        let (warnings, deadlines) = (Warnings::default(), self.deadlines);
        let name = config.name;
        let shared = ListenerShared { config, deadlines, server, permits, warnings, web, handle };
        let (permits, shared) = (shared.permits.clone(), Arc::new(shared));
        let files = self.bound.iter().filter_map(|bound| bound.file.clone()).collect();
        let open = Arc::new(AtomicUsize::new(self.bound.len()));
        let mut accepting = Vec::new();
        for bound in self.bound {
            // On Linux this wakes accept, which a close would not. Weak, so that the port is free again as soon as the
            // accept thread ends.
            let socket: Weak<OwnedFd> = Arc::downgrade(&bound.socket);
            let (shared, open, begun) = (Arc::clone(&shared), Arc::clone(&open), shutdown.clone());
            accepting.push(os_thread::spawn(
                &thread_name,
                os_thread::SERVICE_STACK_BYTES,
                move || {
                    accept(&bound, &shared, &begun);
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
    /// Logs each endpoint, with the port taken.
    pub fn log_endpoints(&self, scheme: &str) {
        for endpoint in &self.endpoints {
            tracing::info!("{} listening on {}", self.name, endpoint.listening(scheme));
        }
    }

    /// Waits until every connection has ended; false if `deadline` passes first. Once the shutdown
    /// has begun, also those just being accepted are waited for, and who still stands in the waiting
    /// room after [`DRAIN_GRACE`] is turned out: a browser's spare connection must not hold up the end.
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

type Handle<H> = Arc<ListenerShared<H>>;

fn accept<H: Fn(Request) + Send + Sync + 'static>(
    bound: &Bound,
    shared: &Handle<H>,
    shutdown: &Shutdown,
) {
    let mut lingering = LingeringClose::default();
    while !shutdown.has_begun() {
        lingering.wait(&bound.socket);
        match accept_one(bound) {
            Ok((stream, peer)) => on_accept(shared, Arc::new(stream), peer, &mut lingering),
            Err(_) if shutdown.has_begun() => break,
            Err(error) => {
                shared.server.refused(Cause::AcceptError);
                // Usually descriptors have run out: give back those that nobody will miss.
                lingering.clear();
                shared.permits.evict_some();
                if shared.warnings.is_accept_error_due() {
                    tracing::warn!(server = shared.config.name, %error, "cannot accept; going on");
                }
                shutdown.wait_for(ACCEPT_BACKOFF);
            }
        }
    }
    lingering.clear();
}

/// The next connection and its peer's address. That of a Unix socket is held as a `TcpStream` as well: reading, writing and
/// shutting down are the same, and only options of TCP fail.
fn accept_one(bound: &Bound) -> io::Result<(TcpStream, IpAddr)> {
    let (socket, peer) = rustix::net::acceptfrom_with(&bound.socket, SocketFlags::CLOEXEC)?;
    let peer = match (&bound.endpoint, peer) {
        (Endpoint::Unix(_), _) => UNIX_PEER,
        (Endpoint::Tcp(_), Some(peer)) => SocketAddr::try_from(peer)?.ip(),
        (Endpoint::Tcp(_), None) => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    Ok((TcpStream::from(socket), peer))
}

fn on_accept<H: Fn(Request) + Send + Sync + 'static>(
    shared: &Handle<H>,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    lingering: &mut LingeringClose,
) {
    let accepted = Instant::now();
    shared.server.accepted();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let permit = match shared.permits.admit(id, peer, &stream) {
        Ok(permit) => permit,
        Err(cause) => {
            shared.server.refused(cause);
            let refusal = match cause {
                Cause::AddressFull => {
                    shared.warnings.address_full(&shared.config, peer);
                    HttpError::address_full()
                }
                _ => HttpError::unavailable("the server is full"),
            };
            return lingering.send_and_close(stream, &Reply::from(refusal).answering(id));
        }
    };
    let (name, theirs) = (format!("{}-{id}", shared.config.name), Arc::clone(&stream));
    let their_shared = Arc::clone(shared);
    let thread = os_thread::spawn_detached(&name, SESSION_STACK_BYTES, move || {
        handle_connection(&their_shared, id, theirs, peer, accepted, permit);
    });
    if let Err(error) = thread {
        // The permit went with the closure; the next one may have more luck.
        shared.server.refused(Cause::NoThread);
        tracing::debug!(conn = id, %error, "no thread");
        let reply = Reply::from(HttpError::unavailable("the server is full"));
        lingering.send_and_close(stream, &reply.answering(id));
    }
}
