//! A token counts in the upgrade's header, in a hello, and in a first message.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn ways_to_say_who(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::signup(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;

    let header = format!("Bearer {}", alice.token);
    alice.open(&[("authorization", &header)])?;
    alice.welcomed()?;
    alice.send_message(&bob, "by header")?;
    alice.leave();

    let welcome = alice.connect()?;
    ensure!(welcome["id"] == alice.id);
    alice.send_message(&bob, "by hello")?;
    alice.leave();

    alice.open(&[])?;
    let first = json!({"token": alice.token, "to": bob.id, "content": "by first message", "ref": "1"});
    alice.write(&first)?;
    let welcome = alice.receive_type("welcome")?;
    ensure!(welcome["id"] == alice.id && welcome["name"] == "Alice", "{welcome}");
    ensure!(alice.answer_to("1")?["type"] == "sent");

    for how in ["by header", "by hello", "by first message"] {
        let message = bob.receive_next()?;
        ensure!(message["content"] == how && message["from"] == alice.id, "{how}: {message}");
    }
    Ok(())
}
