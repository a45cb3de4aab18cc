//! Who sent a message may change its text, and nobody else; everybody who has it learns of it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn edits(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    let mut carol = Person::arrive(world, "Carol")?;
    let id = alice.say(&bob, "hello, you")?["id"].clone();
    bob.hear_message("hello, you")?;
    let edit = |id: &Value, content: &str| json!({"type": "edit", "id": id, "content": content});

    bob.refused(edit(&id, "not his"), "forbidden")?;
    carol.refused(edit(&id, "not hers"), "not_found")?;
    for nothing in [json!(0), json!(-1), json!(i64::MAX)] {
        alice.refused(edit(&nothing, "nothing"), "not_found")?;
    }
    alice.refused(edit(&id, ""), "bad_request")?;

    let told = alice.act(edit(&id, "hello, world"))?;
    ensure!(told["id"] == id && told["content"] == "hello, world" && told["seq"] == 4, "{told}");
    bob.hear_same(&told)?;
    alice.act_in_vain(edit(&id, "hello, world"))?;

    let page = bob.look(json!({"type": "history", "with": alice.id}))?;
    is_edited(&page["messages"][1], &id)?;
    // Whoever was away gets the message as it is now.
    alice.say(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    is_edited(log.get(1).context("an empty log")?, &id)?;
    ensure!(log.len() == 4 && log[2]["type"] == "edit", "{log:?}");
    Ok(())
}

fn is_edited(message: &Value, id: &Value) -> Result<()> {
    let is_new = message["id"] == *id && message["content"] == "hello, world";
    ensure!(is_new && message["edited_at"].is_i64(), "not as edited: {message}");
    Ok(())
}
