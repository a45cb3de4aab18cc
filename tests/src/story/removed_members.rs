//! Who was removed hears that and nothing after it, and reads nothing later; who comes back begins anew.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn removed_members(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let group = alice.make_group("Trip", &[&bob])?;
    let before = alice.send_to_group(group, "lemons before")?;
    bob.receive_event("group")?;
    bob.receive_message("lemons before")?;

    alice.change(json!({"type": "group.remove", "group": group, "member": bob.id}))?;
    let removed = bob.receive_event("group")?;
    ensure!(removed["change"] == "remove" && removed["member"] == bob.id, "{removed}");
    let after = alice.send_to_group(group, "lemons after")?;
    alice.change(json!({"type": "react", "id": before["id"], "emoji": "🍋"}))?;
    alice.change(json!({"type": "group.rename", "group": group, "name": "Without Bob"}))?;

    bob.refused(json!({"group": group, "content": "let me in"}), "not_found")?;
    bob.refused(json!({"type": "group.show", "group": group}), "not_found")?;
    bob.refused(json!({"type": "group.leave", "group": group}), "not_found")?;
    bob.refused(json!({"type": "react", "id": after["id"], "emoji": "👍"}), "not_found")?;
    bob.refused(json!({"type": "read", "id": after["id"]}), "not_found")?;
    ensure!(bob.history(json!({"group": group}))? == ["lemons before"]);
    let page = bob.query(json!({"type": "history", "group": group}))?;
    ensure!(page["messages"][0].get("reactions").is_none(), "a reaction of later: {page}");
    ensure!(bob.search("lemons")? == ["lemons before"]);
    let line = bob.conversation("group", group)?;
    ensure!(line.get("role").is_none() && line["last"]["id"] == before["id"], "{line}");

    alice.change(json!({"type": "group.add", "group": group, "member": bob.id}))?;
    let back = bob.receive_event("group")?;
    let follows = removed["seq"].as_i64().map(|seq| seq + 1);
    ensure!(back["change"] == "invite" && back["seq"].as_i64() == follows, "{removed}, then {back}");
    let line = bob.conversation("group", group)?;
    ensure!(line["role"] == "invited" && line["name"] == "Without Bob", "{line}");
    alice.send_to_group(group, "lemons meanwhile")?;
    bob.join(group)?;
    alice.send_to_group(group, "lemons again")?;
    bob.receive_message("lemons again")?;
    ensure!(bob.history(json!({"group": group}))? == ["lemons again"]);
    ensure!(bob.conversation("group", group)?["role"] == "member");
    Ok(())
}
