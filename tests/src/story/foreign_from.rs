//! Nobody speaks for somebody else.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn foreign_from(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut mallory = Client::connected(endpoints, "Mallory")?;
    for from in [alice.id, 0, -1, mallory.id + 1_000_000] {
        let frame = json!({"from": from, "to": alice.id, "content": "I am not I"});
        mallory.refused(frame, "forbidden")?;
    }
    let sent =
        mallory.request(json!({"from": mallory.id, "to": alice.id, "content": "I am I"}))?;
    ensure!(sent["type"] == "sent", "{sent}");
    ensure!(alice.receive_next()?["content"] == "I am I", "heard something else first");
    Ok(())
}
