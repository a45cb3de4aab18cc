//! Accepting: one thread that never waits for a client, and one thread for each connection.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::attend::{House, attend};
use crate::caller::{Caller, Deadlines};
use crate::farewell::Farewells;
use crate::limit::{
    ACCEPT_BACKOFF, ACCEPT_WARN_INTERVAL, DRAIN_GRACE, LISTEN_BACKLOG, SERVICE_STACK_BYTES,
    SESSION_STACK_BYTES,
};
use crate::metrics::server::{self, Cause};
use crate::network::Network;
use crate::notice::Notices;
use crate::permits::Permits;
use crate::refusal::Refusal;
use crate::shutdown::Shutdown;
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
    pub trusted_proxies: Vec<Network>,
    /// What web pages may do; without it they are not told from programs.
    pub web: Option<Rules>,
}

/// A bound socket. Callers queue in the kernel until [`Listener::serve`].
#[derive(Debug)]
pub struct Listener {
    socket: Arc<TcpListener>,
    deadlines: Deadlines,
}

/// A listener that serves.
pub struct Serving {
    permits: Permits,
    shutdown: Shutdown,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// Binds `address` with `SO_REUSEADDR` and a backlog of [`LISTEN_BACKLOG`]; port 0 takes a free
    /// one.
    ///
    /// # Errors
    /// What the system says: in use, not this machine's, not permitted.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = rustix::net::socket_with(
            family,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            Some(ipproto::TCP),
        )?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, LISTEN_BACKLOG)?;
        let socket = Arc::new(TcpListener::from(socket));
        Ok(Self { socket, deadlines: Deadlines::default() })
    }

    /// Other deadlines than those of [`crate::limit`], for tests that reach them.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The address bound, with the port taken.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `shutdown` begins. Each connection gets a permit and a thread, which reads the
    /// head and calls `handle`; whatever `handle` does, a panic included, ends that connection only.
    ///
    /// # Errors
    /// The accept thread could not be started, or the system does not say which address is bound.
    pub fn serve(
        self,
        config: Config,
        shutdown: &Shutdown,
        handle: impl Fn(Caller) + Send + Sync + 'static,
    ) -> io::Result<Serving> {
        let server = server::named(config.name);
        let permits = Permits::new(&config, server);
        let name = format!("{}-accept", config.name);
        let local = self.local_addr()?;
        let web = config.web.clone().map(|rules| Web::new(rules, local));
        let (notices, deadlines) = (Notices::default(), self.deadlines);
        let house = House { config, deadlines, server, permits, notices, web, handle };
        let (permits, house) = (house.permits.clone(), Arc::new(house));
        // On Linux this wakes accept, which a close would not. Weak, so that the port is free again as
        // soon as the accept thread ends.
        let socket: Weak<TcpListener> = Arc::downgrade(&self.socket);
        let begun = shutdown.clone();
        let accepting = crate::thread::spawn(&name, SERVICE_STACK_BYTES, move || {
            accept(&self.socket, &house, &begun);
            house.permits.close();
        })?;
        shutdown.on_begin(move || {
            if let Some(socket) = socket.upgrade() {
                let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Both);
            }
        });
        Ok(Serving { permits, shutdown: shutdown.clone(), accepting })
    }
}

impl Serving {
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

    /// Whether the accept thread still runs; it ends only by shutdown.
    pub fn is_accepting(&self) -> bool {
        !self.accepting.is_finished()
    }
}

type Handle<H> = Arc<House<H>>;

fn accept<H: Fn(Caller) + Send + Sync + 'static>(
    socket: &TcpListener,
    house: &Handle<H>,
    shutdown: &Shutdown,
) {
    let mut farewells = Farewells::default();
    let mut warned: Option<Instant> = None;
    while !shutdown.has_begun() {
        farewells.wait(socket);
        match socket.accept() {
            Ok((stream, peer)) => welcome(house, Arc::new(stream), peer.ip(), &mut farewells),
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
            return farewells.say(stream, &refusal.into());
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
        farewells.say(stream, &Refusal::unavailable("the server is full").into());
    }
}
