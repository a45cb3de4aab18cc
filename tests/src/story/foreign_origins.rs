//! Another site's page cannot speak through a visitor's browser; the server's own page can.

use anyhow::{Context, Result, ensure};

use crate::{Received, Client, Socket, Endpoints, raw};

pub fn foreign_origins(endpoints: &Endpoints) -> Result<()> {
    let address = endpoints.chat_address();
    let (host, port) = address.rsplit_once(':').context("no port")?;
    let foreign = [
        "https://evil.example",
        "http://evil.example",
        "null",
        "",
        &format!("http://evil.example:{port}"),
        &format!("http://{host}.evil.example"),
        &format!("http://{host}.evil.example:{port}"),
        &format!("http://evil.{host}"),
        &format!("http://evil.example/{address}"),
        &format!("http://{address}@evil.example"),
    ];
    for origin in foreign {
        let upgrade = raw::upgrade(&address)
            .replace("\r\nUpgrade", &format!("\r\nOrigin: {origin}\r\nUpgrade"));
        let (status, answer) = raw::exchange(raw::connect(&address, None)?, upgrade.as_bytes())?;
        ensure!(status == 403, "Origin {origin:?} was answered {answer}");
    }
    // The web client comes from the same host, though from the accounts' server's port.
    for own in [format!("http://{address}"), format!("http://{host}:1")] {
        let mut socket = Socket::open(&endpoints.chat(), &[("origin", &own)])?;
        if endpoints.has_accounts() {
            let alice = Client::signup(endpoints, "Alice")?;
            socket.json(&serde_json::json!({"type": "hello", "token": alice.token}))?;
        }
        socket.receive("a welcome", |heard| match heard {
            Received::Json(frame) => (frame["type"] == "welcome").then_some(()),
            _ => None,
        })?;
    }
    Ok(())
}
