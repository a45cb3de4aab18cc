//! Who sent a message may take its text away, and nobody else; it is gone for everybody who has it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn deletions(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let id = alice.send_message(&bob, "regretted")?["id"].clone();
    bob.receive_message("regretted")?;
    let delete = json!({"type": "delete", "id": id});

    bob.refused(delete.clone(), "forbidden")?;
    carol.refused(delete.clone(), "not_found")?;
    alice.refused(json!({"type": "delete", "id": i64::MAX}), "not_found")?;

    let told = alice.change(delete.clone())?;
    ensure!(told["id"] == id && told["seq"] == 4, "{told}");
    bob.receive_same(&told)?;
    alice.change_nothing(delete)?;
    let too_late = [
        json!({"type": "edit", "id": id, "content": "back again"}),
        json!({"type": "react", "id": id, "emoji": "👍"}),
    ];
    for frame in too_late {
        alice.refused(frame, "too_late")?;
    }

    let page = bob.query(json!({"type": "history", "with": alice.id}))?;
    is_gone(&page["messages"][1], &id)?;
    ensure!(bob.search("regretted")?.is_empty(), "deleted words are found");
    alice.send_message(&bob, "the end")?;
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
