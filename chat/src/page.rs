//! What a browser, a developer or a health check gets from the chat port.

use door::{Head, Reply};

use crate::server::Server;

const PAGE: &str = include_str!("page.html");

/// Answers what is no upgrade.
pub(crate) fn answer(server: &Server, head: &Head) -> Reply {
    let known = matches!(
        head.path(),
        "/" | "/ws" | "/schema.json" | "/asyncapi.json" | "/healthz" | "/livez"
    );
    if known && !matches!(head.method.as_str(), "GET" | "HEAD") {
        let reply = Reply::error(405, "method_not_allowed", "only GET is known here");
        return reply.with_header("Allow", "GET, HEAD");
    }
    match head.path() {
        "/" => Reply::html(200, PAGE).with_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        "/ws" => Reply::error(426, "upgrade_required", "this address speaks WebSocket")
            .with_header("Upgrade", "websocket"),
        "/schema.json" => {
            Reply::new(200, "application/schema+json", server.schema.clone().into_bytes())
        }
        "/asyncapi.json" => {
            Reply::new(200, "application/json", server.asyncapi.clone().into_bytes())
        }
        "/healthz" => door::ops::health(server.ready(), Reply::text(200, "ok\n")),
        "/livez" => Reply::text(200, "ok\n"),
        _ => Reply::error(404, "not_found", "there is /, /ws, /schema.json, /healthz and /livez"),
    }
}
