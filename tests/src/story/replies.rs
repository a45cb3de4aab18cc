//! A message may answer another one of its conversation, and only one that its sender can see.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn replies(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let carol = Person::signup(world, "Carol")?;
    let question = alice.say(&bob, "how are you?")?["id"].clone();
    let elsewhere = alice.say(&carol, "a secret")?["id"].clone();
    let group = alice.make_group("Trip", &[&bob])?;
    bob.join(group)?;
    let in_group = alice.tell(group, "where to?")?["id"].clone();

    let to_alice = |to: &Value| json!({"to": alice.id, "content": "well", "reply_to": to});
    let sent = bob.request(to_alice(&question))?;
    ensure!(sent["type"] == "sent", "{sent}");
    for other in [&elsewhere, &in_group, &json!(0), &json!(i64::MAX)] {
        bob.refused(to_alice(other), "not_found")?;
    }
    let to_group = |to: &Value| json!({"group": group, "content": "Rome", "reply_to": to});
    bob.refused(to_group(&question), "not_found")?;
    ensure!(bob.request(to_group(&in_group))?["type"] == "sent");

    ensure!(alice.hear_message("well")?["reply_to"] == question);
    ensure!(alice.hear_message("Rome")?["reply_to"] == in_group);
    let page = alice.look(json!({"type": "history", "with": bob.id}))?;
    ensure!(page["messages"][0].get("reply_to").is_none(), "{page}");
    ensure!(page["messages"][1]["reply_to"] == question, "{page}");
    Ok(())
}
