//! What `chat` says to plain HTTP: a page for a browser, the schema, its health, and clear refusals.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Endpoints, raw};

pub fn pages_of_chat(endpoints: &Endpoints) -> Result<()> {
    let page = endpoints.ask_chat("GET", "/").send()?;
    ensure!(page.status == 200 || page.status == 426, "GET /: {} {}", page.status, page.text);
    ensure!(page.text.contains("WebSocket"), "GET / does not say what this is: {}", page.text);

    let page = endpoints.ask_chat("GET", "/").header("accept", "text/html,*/*;q=0.8").send()?;
    ensure!(page.header("content-type").is_some_and(|it| it.starts_with("text/html")), "no page");
    for path in ["/healthz", "/livez"] {
        let health = endpoints.ask_chat("GET", path).send()?.expect(200)?;
        ensure!(health.body == json!({"status": "ok"}), "{path}: {}", health.text);
        if endpoints.has_accounts() {
            let other = endpoints.ask("GET", path)?.send()?.expect(200)?;
            ensure!(other.text == health.text, "{path} differs: {}", other.text);
        }
    }
    let api = endpoints.ask_chat("GET", "/asyncapi.json").send()?.expect(200)?;
    ensure!(api.body["asyncapi"].is_string(), "not AsyncAPI: {}", api.text);

    let schema = endpoints.ask_chat("GET", "/schema.json").send()?.expect(200)?;
    ensure!(schema.body["$schema"].is_string(), "not a JSON Schema: {}", schema.text);
    let kinds = ["hello", "message", "received", "ping", "welcome", "sent", "pong", "error"];
    for kind in kinds {
        ensure!(schema.text.contains(&format!("\"{kind}\"")), "the schema lacks {kind}");
    }
    let codes = ["bad_request", "unknown_type", "unauthorized", "forbidden", "rate_limited"];
    for code in codes {
        ensure!(schema.text.contains(&format!("\"{code}\"")), "the schema lacks {code}");
    }

    let wrong = [
        (endpoints.ask_chat("GET", "/no/such/page"), 404),
        (endpoints.ask_chat("POST", "/schema.json").bytes(b"{}".to_vec()), 405),
        (endpoints.ask_chat("DELETE", "/healthz"), 405),
        (endpoints.ask_chat("PUT", "/").bytes(b"{}".to_vec()), 405),
    ];
    for (call, status) in wrong {
        call.send()?.refused(status)?;
    }
    let ids = ["/", "/healthz", "/schema.json", "/ws", "/no/such/page"].map(|path| {
        let answer = endpoints.ask_chat("GET", path).send()?;
        for name in ["date", "cache-control", "x-request-id"] {
            ensure!(answer.header(name).is_some(), "GET {path} without {name}");
        }
        Ok(answer.header("x-request-id").map(str::to_owned))
    });
    let ids = ids.into_iter().collect::<Result<BTreeSet<_>>>()?;
    ensure!(ids.len() == 5, "requests share an id: {ids:?}");

    let address = endpoints.chat_address();
    let no_key = format!("GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n");
    let old = raw::upgrade(&address).replace("Version: 13", "Version: 8");
    // As it arrives behind a proxy that does not pass these two headers on.
    let stripped =
        raw::upgrade(&address).replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", "");
    let refused =
        [(no_key, 400, "Sec-WebSocket-Key"), (old, 426, "13"), (stripped, 426, "reverse proxy")];
    for (upgrade, wanted, hint) in refused {
        let (status, answer) = raw::exchange(raw::connect(&address, None)?, upgrade.as_bytes())?;
        ensure!(status == wanted && answer.contains(hint), "{answer} to {upgrade:?}");
        let (head, _) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let head = head.to_ascii_lowercase();
        ensure!(head.contains("\r\nsec-websocket-version: 13"), "{head}");
        if wanted == 426 {
            ensure!(head.contains("\r\nupgrade: websocket"), "{head}");
            ensure!(head.contains("\r\nconnection: upgrade"), "{head}");
        }
    }
    for nonsense in ["nonsense\r\n\r\n", "\r\n\r\n\r\n"] {
        let (status, _) = raw::exchange(raw::connect(&address, None)?, nonsense.as_bytes())?;
        ensure!((400..500).contains(&status), "{status} to {nonsense:?}");
    }
    Ok(())
}
