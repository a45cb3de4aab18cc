//! From an HTTP request to a WebSocket connection (RFC 6455, section 4.2).

use std::sync::Arc;

use door::{Caller, Head, Reply};
use tungstenite::handshake::server::{create_response, write_response};
use tungstenite::http::Request;
use wire::Token;

use crate::outbox::Outbox;
use crate::server::Server;
use crate::session::Session;
use crate::{metrics, page};

/// Serves one connection, whatever it wants.
pub(crate) fn serve(server: &Server, caller: Caller) {
    if !caller.head.is_upgrade() {
        let reply = page::answer(server, &caller.head);
        return caller.reply(reply);
    }
    let response = match shake_hands(server, &caller.head) {
        Ok(response) => response,
        Err(reply) => return caller.reply(reply),
    };
    let token = caller.head.header("authorization").and_then(Token::from_header);
    // Only what the connection needs from here on stays in memory while it lasts.
    let Caller { id, stream, head, rest, permit, .. } = caller;
    drop(head);
    let outbox = Arc::new(Outbox::new(stream, server.drainer.clone(), Some(permit)));
    outbox.push_handshake(&response);
    Session::new(server, id, outbox, rest).run(token.as_ref());
}

fn shake_hands(server: &Server, head: &Head) -> Result<Vec<u8>, Reply> {
    if !matches!(head.path(), "/" | "/ws") {
        return Err(Reply::error(404, "not_found", "connect to / or /ws"));
    }
    if !server.origins.allow(head.header("origin"), head.header("host")) {
        metrics::ORIGINS_REFUSED.inc();
        let message =
            "pages from this origin may not connect; the operator can allow it with --allow-origin";
        return Err(Reply::error(403, "forbidden", message));
    }
    let bad = |error: &dyn std::fmt::Display| {
        Reply::error(400, "bad_request", &format!("no WebSocket handshake: {error}"))
    };
    let mut request = Request::builder().method(head.method.as_str()).uri(head.target.as_str());
    for (name, value) in head.headers() {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(|error| bad(&error))?;
    let response = create_response(&request).map_err(|error| bad(&error))?;
    let mut bytes = Vec::with_capacity(160);
    write_response(&mut bytes, &response).map_err(|error| bad(&error))?;
    Ok(bytes)
}
