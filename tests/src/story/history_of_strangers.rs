//! Nobody reads what is not theirs, or learns from a refusal whether it is there.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn history_of_strangers(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let id = alice.send_message(&bob, "between us")?["id"].clone();
    let group = alice.make_group("Us", &[&bob])?;
    alice.send_to_group(group, "between all of us")?;

    let mut eve = Client::connected(endpoints, "Eve")?;
    for with in [alice.id, bob.id, eve.id, 0, -1, 1_000_000_000] {
        let page = eve.query(json!({"type": "history", "with": with}))?;
        let is_empty = page["messages"] == json!([]) && page["more"] == false;
        ensure!(is_empty, "with {with}: {page}");
    }
    for group in [group, 0, 1_000_000_000] {
        eve.refused(json!({"type": "history", "group": group}), "not_found")?;
    }
    for frame in [
        json!({"type": "read", "id": id}),
        json!({"type": "edit", "id": id, "content": "x"}),
        json!({"type": "delete", "id": id}),
        json!({"type": "react", "id": id, "emoji": "👀"}),
        json!({"to": alice.id, "content": "x", "reply_to": id}),
    ] {
        eve.refused(frame, "not_found")?;
    }
    ensure!(eve.search("between")?.is_empty(), "found");
    let list = eve.query(json!({"type": "conversations"}))?;
    ensure!(list["conversations"] == json!([]), "{list}");
    ensure!(bob.history(json!({"with": alice.id}))? == ["between us"]);
    Ok(())
}
