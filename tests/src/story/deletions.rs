//! Who sent a message may take its text away, and nobody else; it is gone for everybody who has it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn deletions(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    let mut carol = Person::arrive(world, "Carol")?;
    let id = alice.say(&bob, "regretted")?["id"].clone();
    bob.hear_message("regretted")?;
    let delete = json!({"type": "delete", "id": id});

    bob.refused(delete.clone(), "forbidden")?;
    carol.refused(delete.clone(), "not_found")?;
    alice.refused(json!({"type": "delete", "id": i64::MAX}), "not_found")?;

    let told = alice.act(delete.clone())?;
    ensure!(told["id"] == id && told["seq"] == 4, "{told}");
    bob.hear_same(&told)?;
    alice.act_in_vain(delete)?;
    let too_late = [
        json!({"type": "edit", "id": id, "content": "back again"}),
        json!({"type": "react", "id": id, "emoji": "👍"}),
    ];
    for frame in too_late {
        alice.refused(frame, "too_late")?;
    }

    let page = bob.look(json!({"type": "history", "with": alice.id}))?;
    is_gone(&page["messages"][1], &id)?;
    ensure!(bob.search("regretted")?.is_empty(), "deleted words are found");
    alice.say(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    is_gone(log.get(1).context("an empty log")?, &id)?;
    let kinds: Vec<_> = log.iter().filter_map(|it| it["type"].as_str()).collect();
    ensure!(kinds == ["message", "message", "delete", "message"], "{log:?}");
    Ok(())
}

fn is_gone(message: &Value, id: &Value) -> Result<()> {
    let is_empty = message["id"] == *id && message["content"] == "";
    ensure!(is_empty && message["deleted"] == true, "not as deleted: {message}");
    Ok(())
}
