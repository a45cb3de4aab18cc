//! Whoever asks whether the server is there is told at once, in the manner of asking.

use anyhow::{Result, ensure};
use serde_json::json;
use tungstenite::Message;

use crate::{Heard, Person, World};

pub fn alive(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;

    alice.socket()?.text("ping")?;
    ensure!(alice.socket()?.hear_next()? == Heard::Text("pong".to_owned()), "text ping");

    alice.write(&json!({"type": "ping"}))?;
    ensure!(alice.hear_next()? == json!({"type": "pong"}), "JSON ping");

    alice.write(&json!({"type": "ping", "ref": "p"}))?;
    ensure!(alice.hear_next()? == json!({"type": "pong", "ref": "p"}), "JSON ping with a ref");

    alice.socket()?.send(Message::Ping("are you there?".into()))?;
    ensure!(alice.socket()?.hear_next()? == Heard::Pong(b"are you there?".to_vec()), "WebSocket ping");
    Ok(())
}
