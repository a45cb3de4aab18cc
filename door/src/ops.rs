//! The operators' own listener: `/metrics`, `/healthz`, `/readyz`. A listener of its own cannot be
//! exposed by mistake.

use std::io;
use std::net::SocketAddr;

use crate::caller::Caller;
use crate::limit::OPS_CONNECTIONS_MAX;
use crate::listener::{Config, Listener};
use crate::metrics::{self, Registry};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::shutdown::Shutdown;

/// Serves until the process ends: while connections drain, `/readyz` must still say so. `ready` tells
/// whether the program can do its job, and if not why; it is called for each request and should be
/// quick. Returns the address taken.
///
/// # Errors
/// The address cannot be bound, or no thread be started.
pub fn serve(
    addr: SocketAddr,
    registry: Registry,
    ready: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    shutdown: &Shutdown,
) -> io::Result<SocketAddr> {
    let listener = Listener::bind(addr)?;
    let addr = listener.local_addr()?;
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
    Ok(addr)
}

fn answer(
    caller: &Caller,
    registry: &Registry,
    ready: &impl Fn() -> Result<(), String>,
    shutdown: &Shutdown,
) -> Reply {
    if !matches!(caller.head.method.as_str(), "GET" | "HEAD") {
        let reply = Reply::error(405, "method_not_allowed", "only GET and HEAD are known here");
        return reply.with_header("Allow", "GET, HEAD");
    }
    match caller.head.path() {
        "/metrics" => {
            let page = metrics::render(registry).into_bytes();
            Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", page)
        }
        "/readyz" if shutdown.has_begun() => {
            Reply::from(Refusal::unavailable("the server is stopping"))
        }
        "/healthz" | "/readyz" => match ready() {
            Ok(()) => Reply::text(200, "ok\n"),
            // Only operators come here: the reason may be told.
            Err(reason) => Reply::error(503, "unavailable", &reason),
        },
        _ => Reply::error(404, "not_found", "no such page"),
    }
}
