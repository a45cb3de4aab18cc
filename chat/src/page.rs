//! What a browser, a developer or a health check gets from the chat port.

use net::{Head, Reply};

use crate::server::Server;

const PAGE: &str = include_str!("page.html");

const PAGES: [&str; 6] = ["/", "/ws", "/schema.json", "/asyncapi.json", "/healthz", "/livez"];

const HERE: &str = concat!(
    r#"{"name":"messenger chat","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","about":"A chat over WebSocket: connect to / or /ws.","#,
    r#""description":"/asyncapi.json","schema":"/schema.json"}"#
);

/// Answers what is no upgrade.
pub(crate) fn answer(server: &Server, head: &Head) -> Reply {
    let (path, method) = (head.path(), head.method.as_str());
    if PAGES.contains(&path) && !matches!(method, "GET" | "HEAD") {
        let reply = Reply::error(405, "method_not_allowed", "only GET and HEAD are known here");
        return reply.with_header("Allow", "GET, HEAD");
    }
    match path {
        "/" if is_browser(head) => Reply::html(200, PAGE).with_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        "/" => Reply::new(200, "application/json", HERE.as_bytes()),
        "/ws" => Reply::error(426, "upgrade_required", "this address speaks WebSocket")
            .with_header("Upgrade", "websocket"),
        "/schema.json" => {
            Reply::new(200, "application/schema+json", server.schema.clone().into_bytes())
        }
        "/asyncapi.json" => {
            Reply::new(200, "application/json", server.asyncapi.clone().into_bytes())
        }
        "/healthz" => net::ops::health(server.ready()),
        "/livez" => net::ops::alive(),
        _ => Reply::error(404, "not_found", "there is no such page"),
    }
}

/// Whether the client shows pages to a person.
fn is_browser(head: &Head) -> bool {
    let mut accepted = head.values("accept").flat_map(|value| value.split([',', ';']));
    accepted.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}
