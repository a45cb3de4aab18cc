//! A message to an account that does not exist is refused, and leaves no trace in the log.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn unknown_receivers(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    for nobody in [0, -1, 1_000_000_000, i64::MAX] {
        alice.refused(json!({"to": nobody, "content": "anyone?"}), "not_found")?;
    }
    alice.write(&json!({"to": 1_000_000_000, "content": "anyone?"}))?;
    let error = alice.receive_next()?;
    ensure!(error["type"] == "error" && error["code"] == "not_found", "{error}");

    // A refused ref was not used up.
    alice.write(&json!({"to": 1_000_000_000, "content": "anyone?", "ref": "mine"}))?;
    ensure!(alice.answer_to("mine")?["code"] == "not_found");
    alice.write(&json!({"to": bob.id, "content": "you then", "ref": "mine"}))?;
    let sent = alice.answer_to("mine")?;
    ensure!(sent["type"] == "sent" && sent["seq"] == 1, "{sent}");
    Ok(())
}
