//! A message may answer another one of its conversation, and only one that its sender can see.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn replies(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let carol = Client::signup(endpoints, "Carol")?;
    let question = alice.send_message(&bob, "how are you?")?["id"].clone();
    let elsewhere = alice.send_message(&carol, "a secret")?["id"].clone();
    let group = alice.make_group("Trip", &[&bob])?;
    bob.join(group)?;
    let in_group = alice.send_to_group(group, "where to?")?["id"].clone();

    let to_alice = |to: &Value| json!({"to": alice.id, "content": "well", "reply_to": to});
    let sent = bob.request(to_alice(&question))?;
    ensure!(sent["type"] == "sent", "{sent}");
    for other in [&elsewhere, &in_group, &json!(0), &json!(i64::MAX)] {
        bob.refused(to_alice(other), "not_found")?;
    }
    let to_group = |to: &Value| json!({"group": group, "content": "Rome", "reply_to": to});
    bob.refused(to_group(&question), "not_found")?;
    ensure!(bob.request(to_group(&in_group))?["type"] == "sent");

    ensure!(alice.receive_message("well")?["reply_to"] == question);
    ensure!(alice.receive_message("Rome")?["reply_to"] == in_group);
    let page = alice.query(json!({"type": "history", "with": bob.id}))?;
    ensure!(page["messages"][0].get("reply_to").is_none(), "{page}");
    ensure!(page["messages"][1]["reply_to"] == question, "{page}");
    Ok(())
}
