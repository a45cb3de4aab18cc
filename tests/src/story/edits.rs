//! Who sent a message may change its text, and nobody else; everybody who has it learns of it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn edits(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let id = alice.send_message(&bob, "hello, you")?["id"].clone();
    bob.receive_message("hello, you")?;
    let edit = |id: &Value, content: &str| json!({"type": "edit", "id": id, "content": content});

    bob.refused(edit(&id, "not his"), "forbidden")?;
    carol.refused(edit(&id, "not hers"), "not_found")?;
    for nothing in [json!(0), json!(-1), json!(i64::MAX)] {
        alice.refused(edit(&nothing, "nothing"), "not_found")?;
    }
    alice.refused(edit(&id, ""), "bad_request")?;

    let told = alice.change(edit(&id, "hello, endpoints"))?;
    ensure!(told["id"] == id && told["content"] == "hello, endpoints" && told["seq"] == 4, "{told}");
    bob.receive_same(&told)?;
    alice.change_nothing(edit(&id, "hello, endpoints"))?;

    let page = bob.query(json!({"type": "history", "with": alice.id}))?;
    is_edited(&page["messages"][1], &id)?;
    // Whoever was away gets the message as it is now.
    alice.send_message(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    is_edited(log.get(1).context("an empty log")?, &id)?;
    ensure!(log.len() == 4 && log[2]["type"] == "edit", "{log:?}");
    Ok(())
}

fn is_edited(message: &Value, id: &Value) -> Result<()> {
    let is_new = message["id"] == *id && message["content"] == "hello, endpoints";
    ensure!(is_new && message["edited_at"].is_i64(), "not as edited: {message}");
    Ok(())
}
