//! Health, and the operators' own listener: `/metrics`, `/healthz`, `/readyz`, `/livez`. A listener of its own cannot be
//! exposed by mistake.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::limit::{HEALTH_LOG_INTERVAL, OPS_CONNECTIONS_MAX};
use crate::listener::{Listener, ListenerConfig};
use crate::request::Request;

use crate::reply::Reply;
use crate::shutdown::Shutdown;
use telemetry::LogLimiter;
use telemetry::health::Unhealthy;
use telemetry::metrics::{self, Registry};

/// The answer of a server that is alive.
pub fn alive() -> Reply {
    Reply::json(200, &serde_json::json!({ "status": "ok" }))
}

/// The answer to the question whether a program can do its job; the reason is only logged.
pub fn health(ready: Result<(), Unhealthy>) -> Reply {
    static LIMITER: LogLimiter = LogLimiter::new(HEALTH_LOG_INTERVAL);
    match ready {
        Ok(()) => alive(),
        Err(Unhealthy { code, reason }) => {
            if LIMITER.is_due(code, Instant::now()) {
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
    ready: impl Fn() -> Result<(), Unhealthy> + Send + Sync + 'static,
    shutdown: &Shutdown,
) -> io::Result<Endpoint> {
    let listener = Listener::bind_address(addr)?;
    let taken = listener.endpoints().next().cloned().unwrap_or(Endpoint::Tcp(addr));
    let config = ListenerConfig {
        name: "ops",
        connections_max: OPS_CONNECTIONS_MAX,
        connections_per_address: OPS_CONNECTIONS_MAX,
        trusted_proxies: Vec::new(),
        web: None,
    };
    let shutdown = shutdown.clone();
    let never = Shutdown::new();
    listener.serve(config, &never, move |request: Request| {
        let reply = answer(&request, &registry, &ready, &shutdown);
        request.reply(reply);
    })?;
    Ok(taken)
}

fn answer(
    request: &Request,
    registry: &Registry,
    ready: &impl Fn() -> Result<(), Unhealthy>,
    shutdown: &Shutdown,
) -> Reply {
    if !matches!(request.head.method.as_str(), "GET" | "HEAD") {
        let reply = Reply::error(405, "method_not_allowed", "only GET and HEAD are known here");
        return reply.with_header("Allow", "GET, HEAD");
    }
    match request.head.path() {
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
            Ok(()) => alive(),
            // Only operators come here: the reason may be told.
            Err(Unhealthy { code, reason }) => Reply::error(503, code, &reason),
        },
        "/livez" => alive(),
        _ => Reply::error(404, "not_found", "no such page"),
    }
}
