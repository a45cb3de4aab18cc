//! Whoever asks whether the server is there is told at once, in the manner of asking.

use anyhow::{Result, ensure};
use serde_json::json;
use tungstenite::Message;

use crate::{Received, Client, Endpoints};

pub fn alive(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;

    alice.socket()?.text("ping")?;
    ensure!(alice.socket()?.receive_next()? == Received::Text("pong".to_owned()), "text ping");

    alice.write(&json!({"type": "ping"}))?;
    ensure!(alice.receive_next()? == json!({"type": "pong"}), "JSON ping");

    alice.write(&json!({"type": "ping", "ref": "p"}))?;
    ensure!(alice.receive_next()? == json!({"type": "pong", "ref": "p"}), "JSON ping with a ref");

    alice.socket()?.send(Message::Ping("are you there?".into()))?;
    ensure!(alice.socket()?.receive_next()? == Received::Pong(b"are you there?".to_vec()), "WebSocket ping");
    Ok(())
}
