//! What `chat` says to plain HTTP: a page for a browser, the schema, its health, and clear refusals.

use anyhow::{Result, ensure};

use crate::{World, raw};

pub fn pages_of_chat(world: &World) -> Result<()> {
    let page = world.ask_chat("GET", "/").send()?;
    ensure!(page.status == 200 || page.status == 426, "GET /: {} {}", page.status, page.text);
    ensure!(page.text.contains("WebSocket"), "GET / does not say what this is: {}", page.text);

    let health = world.ask_chat("GET", "/healthz").send()?;
    ensure!(health.status == 200, "GET /healthz: {} {}", health.status, health.text);

    let schema = world.ask_chat("GET", "/schema.json").send()?.expect(200)?;
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
        (world.ask_chat("GET", "/no/such/page"), 404),
        (world.ask_chat("POST", "/schema.json").bytes(b"{}".to_vec()), 405),
        (world.ask_chat("DELETE", "/healthz"), 405),
        (world.ask_chat("PUT", "/").bytes(b"{}".to_vec()), 405),
    ];
    for (call, status) in wrong {
        let answer = call.send()?;
        ensure!(answer.status == status, "expected {status}: {} {}", answer.status, answer.text);
        ensure!(!answer.text.is_empty(), "{status} without a word");
    }

    let address = world.chat_address();
    let no_key = format!("GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n");
    let old = raw::upgrade(&address).replace("Version: 13", "Version: 8");
    for upgrade in [no_key, old, "nonsense\r\n\r\n".to_owned(), "\r\n\r\n\r\n".to_owned()] {
        let (status, _) = raw::exchange(raw::connect(&address, None)?, upgrade.as_bytes())?;
        ensure!((400..500).contains(&status), "{status} to {upgrade:?}");
    }
    Ok(())
}
