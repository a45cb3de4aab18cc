//! Nobody gets receipts for what they said to themselves.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn receipts_of_own(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let note = alice.request(json!({"to": alice.id, "content": "a note"}))?;
    ensure!(note["type"] == "sent" && note["seq"] == 1, "{note}");
    alice.acknowledge(1)?;
    alice.request(json!({"type": "read", "id": note["id"]}))?;
    alice.request(json!({"to": alice.id, "content": "another"}))?;
    let log = alice.whole_log("another")?;
    let is_receipt = |it: &&serde_json::Value| it["type"] == "delivered";
    ensure!(!log.iter().any(|it| is_receipt(&it)), "{log:?}");
    let notes: Vec<_> = log.iter().filter(|it| it["type"] == "message").collect();
    ensure!(notes.len() == 2, "said once, and in the log as {notes:?}");
    ensure!(alice.conversation("with", alice.id)?["unread"] == 0, "own words are not unread");
    Ok(())
}
