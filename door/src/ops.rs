//! Health, and the operators' own listener: `/metrics`, `/healthz`, `/readyz`, `/livez`. A listener of its own cannot be
//! exposed by mistake.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::caller::Caller;
use crate::endpoint::Endpoint;
use crate::limit::{HEALTH_LOG_INTERVAL, OPS_CONNECTIONS_MAX};
use crate::listener::{Config, Listener};
use crate::metrics::{self, Registry};
use crate::reply::Reply;
use crate::seldom::Seldom;
use crate::shutdown::Shutdown;

/// What a program that cannot do its job lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwell {
    /// One of the closed list in docs/OPERATING.md.
    pub code: &'static str,
    /// Why, for operators.
    pub reason: String,
}

impl Unwell {
    /// What lacks, and why.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// Whether a program can do its job, as soon as something is there that knows; clones are the same.
#[derive(Clone, Default)]
pub struct Ready(Arc<OnceLock<Check>>);

type Check = Box<dyn Fn() -> Result<(), Unwell> + Send + Sync>;

impl Ready {
    /// From now on `check` knows.
    pub fn set(&self, check: impl Fn() -> Result<(), Unwell> + Send + Sync + 'static) {
        // Only the first one counts.
        let _ = self.0.set(Box::new(check));
    }

    /// Whether it can.
    ///
    /// # Errors
    /// What it lacks.
    pub fn check(&self) -> Result<(), Unwell> {
        let starting = || Err(Unwell::new("starting", "the database is not open yet"));
        self.0.get().map_or_else(starting, |check| check())
    }
}

/// The answer of a server that is well.
pub fn well() -> Reply {
    Reply::json(200, &serde_json::json!({ "status": "ok" }))
}

/// What strangers are told who ask whether a program can do its job; the reason is logged.
pub fn health(ready: Result<(), Unwell>) -> Reply {
    static LOGGED: Seldom = Seldom::new(HEALTH_LOG_INTERVAL);
    match ready {
        Ok(()) => well(),
        Err(Unwell { code, reason }) => {
            if LOGGED.is_due(code, Instant::now()) {
                tracing::warn!(code, reason, "not healthy");
            }
            Reply::error(503, code, "the server cannot do its job just now; its log says why")
        }
    }
}

/// Serves until the process ends: while connections drain, `/readyz` must still say so. `ready` tells
/// whether the program can do its job, and if not why; it is called for each request and should be
/// quick. Returns the address taken.
///
/// # Errors
/// The address cannot be bound, or no thread be started.
pub fn serve(
    addr: SocketAddr,
    registry: Registry,
    ready: impl Fn() -> Result<(), Unwell> + Send + Sync + 'static,
    shutdown: &Shutdown,
) -> io::Result<Endpoint> {
    let listener = Listener::bind_address(addr)?;
    let taken = listener.endpoints().next().cloned().unwrap_or(Endpoint::Tcp(addr));
    let config = Config {
        name: "ops",
        connections_max: OPS_CONNECTIONS_MAX,
        connections_per_address: OPS_CONNECTIONS_MAX,
        trusted_proxies: Vec::new(),
        web: None,
    };
    let shutdown = shutdown.clone();
    let never = Shutdown::new();
    listener.serve(config, &never, move |caller: Caller| {
        let reply = answer(&caller, &registry, &ready, &shutdown);
        caller.reply(reply);
    })?;
    Ok(taken)
}

fn answer(
    caller: &Caller,
    registry: &Registry,
    ready: &impl Fn() -> Result<(), Unwell>,
    shutdown: &Shutdown,
) -> Reply {
    if !matches!(caller.head.method.as_str(), "GET" | "HEAD") {
        let reply = Reply::error(405, "method_not_allowed", "only GET and HEAD are known here");
        return reply.with_header("Allow", "GET, HEAD");
    }
    match caller.head.path() {
        "/metrics" => {
            // It takes down what only it knows.
            let _ = ready();
            let page = metrics::render(registry).into_bytes();
            Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", page)
        }
        "/readyz" if shutdown.has_begun() => {
            Reply::error(503, "stopping", "the server is stopping")
        }
        "/healthz" | "/readyz" => match ready() {
            Ok(()) => well(),
            // Only operators come here: the reason may be told.
            Err(Unwell { code, reason }) => Reply::error(503, code, &reason),
        },
        "/livez" => well(),
        _ => Reply::error(404, "not_found", "no such page"),
    }
}
