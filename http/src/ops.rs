//! Health responses, and the listener for operators with `/metrics`, `/healthz`, `/readyz`, `/livez`. It is separate from the
//! listeners for clients, so that it cannot be exposed by mistake.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use net::{Endpoint, Listener, ListenerConfig, Shutdown};
use telemetry::LogLimiter;
use telemetry::health::Unhealthy;
use telemetry::metrics::{self, Registry};

use crate::deadlines::Deadlines;
use crate::head::Head;
use crate::limit::{HEALTH_LOG_INTERVAL, OPS_CONNECTIONS_MAX};
use crate::response::Response;
use crate::server::{ServerConfig, serve as serve_http};
use crate::service::{Route, Service};

/// The response of `/livez`.
pub fn alive() -> Response {
    Response::json(200, &serde_json::json!({ "status": "ok" }))
}

/// The response of `/healthz` on a port for clients. The reason of a failure is only logged.
pub fn health(ready: Result<(), Unhealthy>) -> Response {
    static LIMITER: LogLimiter = LogLimiter::new(HEALTH_LOG_INTERVAL);
    match ready {
        Ok(()) => alive(),
        Err(Unhealthy { code, reason }) => {
            if LIMITER.is_due(code, Instant::now()) {
                tracing::warn!(code, reason, "not healthy");
            }
            Response::error(503, code, "the server cannot do its job just now; its log says why")
        }
    }
}

/// Serves until the process ends, so that `/readyz` works while connections drain. `ready` says whether the program can do its
/// job, and if not why. It is called for each request, so it must be fast. Returns the bound address.
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
    let listener_config = ListenerConfig {
        name: "ops",
        connections_max: OPS_CONNECTIONS_MAX,
        connections_per_address: OPS_CONNECTIONS_MAX,
        trusted_proxies: Vec::new(),
    };
    let config =
        ServerConfig { listener: listener_config, web: None, deadlines: Deadlines::default() };
    let ops = Ops { registry, ready: Box::new(ready), shutdown: shutdown.clone() };
    serve_http(listener, config, &Shutdown::new(), ops)?;
    Ok(taken)
}

type Check = Box<dyn Fn() -> Result<(), Unhealthy> + Send + Sync>;

struct Ops {
    registry: Registry,
    ready: Check,
    shutdown: Shutdown,
}

impl Service for Ops {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        if let Some(refusal) = only_reading(head) {
            return Route::fixed(refusal);
        }
        match head.path() {
            "/metrics" => Route::respond(|_| self.metrics()),
            "/readyz" | "/healthz" => {
                let is_readiness = head.path() == "/readyz";
                Route::respond(move |_| self.readiness(is_readiness))
            }
            "/livez" => Route::fixed(alive()),
            _ => Route::fixed(Response::error(404, "not_found", "no such page")),
        }
    }
}

impl Ops {
    fn metrics(&self) -> Response {
        // It takes down what only it knows.
        let _ = (self.ready)();
        let page = metrics::render(&self.registry).into_bytes();
        Response::bytes(200, "text/plain; version=0.0.4; charset=utf-8", page)
    }

    fn readiness(&self, is_readiness: bool) -> Response {
        if is_readiness && self.shutdown.has_begun() {
            return Response::error(503, "stopping", "the server is stopping");
        }
        match (self.ready)() {
            Ok(()) => alive(),
            // Only operators use this listener, so the response may have the reason.
            Err(Unhealthy { code, reason }) => Response::error(503, code, &reason),
        }
    }
}

/// The response 405 for a method other than GET and HEAD; `None` for these two.
pub fn only_reading(head: &Head) -> Option<Response> {
    let allow = "GET, HEAD, OPTIONS";
    match &*head.method {
        "GET" | "HEAD" => None,
        "OPTIONS" => Some(Response::no_content().with_header("Allow", allow)),
        _ => {
            let refusal =
                Response::error(405, "method_not_allowed", "only GET and HEAD are known here");
            Some(refusal.with_header("Allow", allow))
        }
    }
}
