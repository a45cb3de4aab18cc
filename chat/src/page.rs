//! The pages of the chat port for browsers, developers and health checks.

use std::sync::LazyLock;

use http::{Head, Response, Route, ops};

use crate::server::Server;
use crate::upgrade::upgrade_required;

const PAGE: &str = include_str!("page.html");

const PAGES: [&str; 6] = ["/", "/ws", "/schema.json", "/asyncapi.json", "/healthz", "/livez"];

const HERE: &str = concat!(
    r#"{"name":"messenger chat","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","about":"A chat over WebSocket: connect to / or /ws.","#,
    r#""description":"/asyncapi.json","schema":"/schema.json"}"#
);

/// The JSON Schema of every frame.
static SCHEMA: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", wire::schema()));
/// The AsyncAPI document.
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", wire::asyncapi()));

/// The route of a request that is not an upgrade.
pub(crate) fn route<'a>(server: &'a Server, head: &Head) -> Route<'a> {
    let path = head.path();
    if PAGES.contains(&path)
        && let Some(refusal) = ops::only_reading(head)
    {
        return Route::fixed(refusal);
    }
    if matches!(path, "/" | "/ws") && head.header("sec-websocket-key").is_some() {
        return Route::fixed(upgrade_required(
            "the headers Upgrade and Connection of a WebSocket handshake are missing; a reverse proxy must pass them on",
        ));
    }
    match path {
        "/" if is_browser(head) => Route::fixed(Response::html(200, PAGE).with_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )),
        "/" => Route::fixed(Response::bytes(200, "application/json", HERE.as_bytes())),
        "/ws" => Route::fixed(upgrade_required("this address speaks WebSocket")),
        "/schema.json" => {
            Route::fixed(Response::bytes(200, "application/schema+json", SCHEMA.as_bytes()))
        }
        "/asyncapi.json" => {
            Route::fixed(Response::bytes(200, "application/json", ASYNCAPI.as_bytes()))
        }
        "/healthz" => Route::respond(|_| ops::health(server.ready())),
        "/livez" => Route::fixed(ops::alive()),
        _ => Route::fixed(Response::error(404, "not_found", "there is no such page")),
    }
}

/// Whether the client shows pages to a person.
fn is_browser(head: &Head) -> bool {
    let mut accepted = head.values("accept").flat_map(|value| value.split([',', ';']));
    accepted.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}
