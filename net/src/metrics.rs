//! Connections of each server, under the label `server`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use telemetry::metrics::{Metric, Registry, preamble};

/// The reason why a connection or a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// All permits are in use, and no connection is pending.
    Full,
    /// The address has all the connections it may have.
    AddressFull,
    /// The connection was pending and was evicted for a new one.
    Evicted,
    /// The head did not come in time.
    HeadTimeout,
    /// The head was malformed, ambiguous or too large.
    BadHead,
    /// accept(2) failed. This alone loses no connection.
    AcceptError,
    /// The system had no thread to give.
    NoThread,
    /// The `Host` of the request is not a name of this server.
    WrongHost,
    /// The request came from a web page of another origin.
    ForeignOrigin,
    /// A web page sent a body that is not JSON.
    UnsupportedMediaType,
}

impl Cause {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Full, "full"),
        (Self::AddressFull, "address_full"),
        (Self::Evicted, "evicted"),
        (Self::HeadTimeout, "head_timeout"),
        (Self::BadHead, "bad_head"),
        (Self::AcceptError, "accept_error"),
        (Self::NoThread, "no_thread"),
        (Self::WrongHost, "wrong_host"),
        (Self::ForeignOrigin, "foreign_origin"),
        (Self::UnsupportedMediaType, "unsupported_media_type"),
    ];
}

/// The counters of one server.
#[derive(Debug)]
pub struct ConnectionMetrics {
    name: &'static str,
    serves: AtomicBool,
    open: AtomicI64,
    accepted: AtomicU64,
    refused: [AtomicU64; Cause::ALL.len()],
}

impl ConnectionMetrics {
    const fn new(name: &'static str) -> Self {
        let refused = [const { AtomicU64::new(0) }; Cause::ALL.len()];
        let (open, accepted) = (AtomicI64::new(0), AtomicU64::new(0));
        Self { name, serves: AtomicBool::new(false), open, accepted, refused }
    }

    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, cause: Cause) {
        self.refused[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The number of refusals for this reason.
    pub fn refusals(&self, cause: Cause) -> u64 {
        self.refused[cause as usize].load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub fn open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }
}

static SERVERS: [ConnectionMetrics; 4] = [
    ConnectionMetrics::new("chat"),
    ConnectionMetrics::new("auth"),
    ConnectionMetrics::new("ops"),
    ConnectionMetrics::new("other"),
];

/// The metrics of the server with this name; unknown names share `other`. From now on they are on the metrics page.
pub fn named(name: &str) -> &'static ConnectionMetrics {
    let server = SERVERS.iter().find(|server| server.name == name).unwrap_or(&SERVERS[3]);
    server.serves.store(true, Ordering::Relaxed);
    server
}

/// The metrics of this crate.
pub fn all() -> Registry {
    vec![&Servers]
}

/// Writes the counters of all servers that serve.
#[derive(Debug)]
pub struct Servers;

impl Metric for Servers {
    fn write(&self, out: &mut String) {
        let servers = || SERVERS.iter().filter(|server| server.serves.load(Ordering::Relaxed));
        let name = "messenger_connections_open";
        preamble(out, name, "Connections open now.", "gauge");
        for server in servers() {
            let _ = writeln!(out, "{name}{{server=\"{}\"}} {}", server.name, server.open());
        }
        let name = "messenger_connections_accepted_total";
        preamble(out, name, "Connections accepted by the kernel.", "counter");
        for server in servers() {
            let accepted = server.accepted.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}{{server=\"{}\"}} {accepted}", server.name);
        }
        let name = "messenger_connections_refused_total";
        preamble(out, name, "Connections that got no further, by cause.", "counter");
        for server in servers() {
            for (cause, word) in Cause::ALL {
                let (server, count) = (server.name, server.refusals(cause));
                let _ = writeln!(out, "{name}{{server=\"{server}\",cause=\"{word}\"}} {count}");
            }
        }
    }
}
