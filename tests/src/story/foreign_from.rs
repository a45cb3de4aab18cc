//! Nobody speaks for somebody else.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn foreign_from(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut mallory = Person::arrive(world, "Mallory")?;
    for from in [alice.id, 0, -1, mallory.id + 1_000_000] {
        let frame = json!({"from": from, "to": alice.id, "content": "I am not I"});
        mallory.refused(frame, "forbidden")?;
    }
    let sent =
        mallory.request(json!({"from": mallory.id, "to": alice.id, "content": "I am I"}))?;
    ensure!(sent["type"] == "sent", "{sent}");
    ensure!(alice.hear_next()?["content"] == "I am I", "heard something else first");
    Ok(())
}
