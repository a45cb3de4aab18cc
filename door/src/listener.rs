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
use crate::attend::{House, attend};
use crate::bind::{self, Bound};
use crate::caller::{Caller, Deadlines};
use crate::endpoint::Endpoint;
use crate::farewell::Farewells;
use crate::limit::{
    ACCEPT_BACKOFF, ACCEPT_WARN_INTERVAL, DRAIN_GRACE, SERVICE_STACK_BYTES, SESSION_STACK_BYTES,
};
use crate::listen::Listen;
use crate::metrics::server::{self, Cause};
use crate::notice::Notices;
use crate::permits::Permits;
use crate::proxy::TrustedProxy;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::shutdown::Shutdown;
use crate::unix_socket::SocketFile;
use crate::web::{Rules, Web};

/// Connections are numbered through the whole process, so that a number in a log is one connection.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// What a server's door is to be like.
#[derive(Clone, Debug)]
pub struct Config {
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
        config: Config,
        shutdown: &Shutdown,
        handle: impl Fn(Caller) + Send + Sync + 'static,
    ) -> io::Result<Serving> {
        let server = server::named(config.name);
        let permits = Permits::new(&config, server);
        let endpoints = self.endpoints().cloned().collect();
        let thread_name = format!("{}-accept", config.name);
        let web = config.web.clone().map(|rules| Web::new(rules, self.endpoints()));
        let (notices, deadlines) = (Notices::default(), self.deadlines);
        let name = config.name;
        let house = House { config, deadlines, server, permits, notices, web, handle };
        let (permits, house) = (house.permits.clone(), Arc::new(house));
        let files = self.bound.iter().filter_map(|bound| bound.file.clone()).collect();
        let open = Arc::new(AtomicUsize::new(self.bound.len()));
        let mut accepting = Vec::new();
        for bound in self.bound {
            // On Linux this wakes accept, which a close would not. Weak, so that the port is free again as soon as the
            // accept thread ends.
            let socket: Weak<OwnedFd> = Arc::downgrade(&bound.socket);
            let (house, open, begun) = (Arc::clone(&house), Arc::clone(&open), shutdown.clone());
            accepting.push(crate::thread::spawn(&thread_name, SERVICE_STACK_BYTES, move || {
                accept(&bound, &house, &begun);
                if let Some(file) = &bound.file {
                    file.remove();
                }
                if open.fetch_sub(1, Ordering::AcqRel) == 1 {
                    house.permits.close();
                }
            })?);
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

type Handle<H> = Arc<House<H>>;

fn accept<H: Fn(Caller) + Send + Sync + 'static>(
    bound: &Bound,
    house: &Handle<H>,
    shutdown: &Shutdown,
) {
    let mut farewells = Farewells::default();
    let mut warned: Option<Instant> = None;
    while !shutdown.has_begun() {
        farewells.wait(&bound.socket);
        match accept_one(bound) {
            Ok((stream, peer)) => welcome(house, Arc::new(stream), peer, &mut farewells),
            Err(_) if shutdown.has_begun() => break,
            Err(error) => {
                house.server.refused(Cause::AcceptError);
                // Usually descriptors have run out: give back those that nobody will miss.
                farewells.clear();
                house.permits.evict_some();
                if warned.is_none_or(|then| then.elapsed() >= ACCEPT_WARN_INTERVAL) {
                    warned = Some(Instant::now());
                    tracing::warn!(server = house.config.name, %error, "cannot accept; going on");
                }
                shutdown.wait_for(ACCEPT_BACKOFF);
            }
        }
    }
    farewells.clear();
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

fn welcome<H: Fn(Caller) + Send + Sync + 'static>(
    house: &Handle<H>,
    stream: Arc<TcpStream>,
    peer: IpAddr,
    farewells: &mut Farewells,
) {
    let accepted = Instant::now();
    house.server.accepted();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let permit = match house.permits.admit(id, peer, &stream) {
        Ok(permit) => permit,
        Err(cause) => {
            house.server.refused(cause);
            let refusal = match cause {
                Cause::AddressFull => {
                    house.notices.address_full(&house.config, peer);
                    Refusal::address_full()
                }
                _ => Refusal::unavailable("the server is full"),
            };
            return farewells.say(stream, &Reply::from(refusal).answering(id));
        }
    };
    let (name, theirs) = (format!("{}-{id}", house.config.name), Arc::clone(&stream));
    let house_too = Arc::clone(house);
    let thread = crate::thread::spawn_detached(&name, SESSION_STACK_BYTES, move || {
        attend(&house_too, id, theirs, peer, accepted, permit);
    });
    if let Err(error) = thread {
        // The permit went with the closure; the next one may have more luck.
        house.server.refused(Cause::NoThread);
        tracing::debug!(conn = id, %error, "no thread");
        let reply = Reply::from(Refusal::unavailable("the server is full"));
        farewells.say(stream, &reply.answering(id));
    }
}
