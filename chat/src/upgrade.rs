//! From an HTTP request to a WebSocket connection (RFC 6455, section 4.2).

use std::sync::Arc;

use http::{Head, Response, Upgrade};
use tungstenite::handshake::derive_accept_key;
use wire::Token;

use crate::connection::Connection;
use crate::message_reader::MessageReader;
use crate::outbox::Outbox;
use crate::server::Server;

/// Serves a connection that asks for WebSocket, until its end.
pub(crate) fn serve(server: &Server, upgrade: Upgrade) {
    let response = match shake_hands(&upgrade.head) {
        Ok(response) => response,
        Err(refusal) => return upgrade.refuse(refusal),
    };
    let token = upgrade.head.header("authorization").and_then(Token::from_header);
    // From here on only what the connection needs is kept in memory.
    let Upgrade { id, stream, address, head, rest, permit, .. } = upgrade;
    drop(head);
    let outbox = Arc::new(Outbox::new(id, stream, server.drainer.clone(), Some(permit)));
    outbox.push_handshake(&response);
    drop(response);
    let mut reader = MessageReader::new(Arc::clone(&outbox), rest);
    Connection::new(server, outbox, address).run(&mut reader, token.as_ref());
}

#[inline(never)] // It uses much stack, which must not stay under the frames of a sleeping connection.
fn shake_hands(head: &Head) -> Result<Vec<u8>, Response> {
    if !matches!(head.path(), "/" | "/ws") {
        return Err(Response::error(404, "not_found", "connect to / or /ws"));
    }
    let bad = |what: &str| {
        let sentence = format!("no WebSocket handshake: {what}");
        Response::error(400, "bad_request", &sentence).with_header("Sec-WebSocket-Version", "13")
    };
    if head.method != "GET" || head.is_http_10() {
        return Err(bad("it must be a GET of HTTP/1.1"));
    }
    if head.header("sec-websocket-version") != Some("13") {
        return Err(upgrade_required("the only version known here is 13 (Sec-WebSocket-Version)"));
    }
    let key = head.header("sec-websocket-key").filter(|key| is_key(key));
    let key = key.ok_or_else(|| bad("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    let accept = derive_accept_key(key.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(response.into_bytes())
}

/// The response 426: this address only serves WebSocket, version 13.
pub(crate) fn upgrade_required(sentence: &str) -> Response {
    Response::error(426, "upgrade_required", sentence)
        .with_header("Upgrade", "websocket")
        .with_header("Connection", "upgrade")
        .with_header("Sec-WebSocket-Version", "13")
}

/// Whether `key` is 16 bytes in base64: 21 digits, one digit whose last four bits are 0, and the padding.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match key.as_bytes() {
        [digits @ .., b'A' | b'Q' | b'g' | b'w', b'=', b'='] => {
            digits.len() == 21 && digits.iter().all(is_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhl HNhbXBsZSBub25jZQ==",
            "AdGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
