//! A token counts in the upgrade's header, in a hello, and in a first message.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn ways_to_say_who(world: &World) -> Result<()> {
    let mut alice = Person::signup(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;

    let header = format!("Bearer {}", alice.token);
    alice.open(&[("authorization", &header)])?;
    alice.welcomed()?;
    alice.say(&bob, "by header")?;
    alice.leave();

    let welcome = alice.connect()?;
    ensure!(welcome["id"] == alice.id);
    alice.say(&bob, "by hello")?;
    alice.leave();

    alice.open(&[])?;
    let first = json!({"token": alice.token, "to": bob.id, "content": "by first message", "ref": "1"});
    alice.write(&first)?;
    let welcome = alice.hear_type("welcome")?;
    ensure!(welcome["id"] == alice.id && welcome["name"] == "Alice", "{welcome}");
    ensure!(alice.answer_to("1")?["type"] == "sent");

    for how in ["by header", "by hello", "by first message"] {
        let message = bob.hear_next()?;
        ensure!(message["content"] == how && message["from"] == alice.id, "{how}: {message}");
    }
    Ok(())
}
