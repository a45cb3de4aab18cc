//! Nobody reads what is not theirs, or learns from a refusal whether it is there.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn history_of_strangers(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let id = alice.say(&bob, "between us")?["id"].clone();
    let group = alice.make_group("Us", &[&bob])?;
    alice.tell(group, "between all of us")?;

    let mut eve = Person::arrive(world, "Eve")?;
    for with in [alice.id, bob.id, eve.id, 0, -1, 1_000_000_000] {
        let page = eve.look(json!({"type": "history", "with": with}))?;
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
    let list = eve.look(json!({"type": "conversations"}))?;
    ensure!(list["conversations"] == json!([]), "{list}");
    ensure!(bob.history(json!({"with": alice.id}))? == ["between us"]);
    Ok(())
}
