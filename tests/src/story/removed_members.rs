//! Who was removed hears that and nothing after it, and reads nothing later; who comes back begins anew.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn removed_members(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    let group = alice.make_group("Trip", &[&bob])?;
    let before = alice.tell(group, "lemons before")?;
    bob.hear_event("group")?;
    bob.hear_message("lemons before")?;

    alice.act(json!({"type": "group.remove", "group": group, "member": bob.id}))?;
    let removed = bob.hear_event("group")?;
    ensure!(removed["change"] == "remove" && removed["member"] == bob.id, "{removed}");
    let after = alice.tell(group, "lemons after")?;
    alice.act(json!({"type": "react", "id": before["id"], "emoji": "🍋"}))?;
    alice.act(json!({"type": "group.rename", "group": group, "name": "Without Bob"}))?;

    bob.refused(json!({"group": group, "content": "let me in"}), "not_found")?;
    bob.refused(json!({"type": "group.show", "group": group}), "not_found")?;
    bob.refused(json!({"type": "group.leave", "group": group}), "not_found")?;
    bob.refused(json!({"type": "react", "id": after["id"], "emoji": "👍"}), "not_found")?;
    bob.refused(json!({"type": "read", "id": after["id"]}), "not_found")?;
    ensure!(bob.history(json!({"group": group}))? == ["lemons before"]);
    let page = bob.look(json!({"type": "history", "group": group}))?;
    ensure!(page["messages"][0].get("reactions").is_none(), "a reaction of later: {page}");
    ensure!(bob.search("lemons")? == ["lemons before"]);
    let line = bob.conversation("group", group)?;
    ensure!(line.get("role").is_none() && line["last"]["id"] == before["id"], "{line}");

    alice.act(json!({"type": "group.add", "group": group, "member": bob.id}))?;
    let back = bob.hear_event("group")?;
    let follows = removed["seq"].as_i64().map(|seq| seq + 1);
    ensure!(back["change"] == "invite" && back["seq"].as_i64() == follows, "{removed}, then {back}");
    let line = bob.conversation("group", group)?;
    ensure!(line["role"] == "invited" && line["name"] == "Without Bob", "{line}");
    alice.tell(group, "lemons meanwhile")?;
    bob.join(group)?;
    alice.tell(group, "lemons again")?;
    bob.hear_message("lemons again")?;
    ensure!(bob.history(json!({"group": group}))? == ["lemons again"]);
    ensure!(bob.conversation("group", group)?["role"] == "member");
    Ok(())
}
