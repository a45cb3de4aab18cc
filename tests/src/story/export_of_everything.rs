//! The export has what was said as it is now, in groups too, and nothing that its owner may not read.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn export_of_everything(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let edited = alice.send_message(&bob, "before the edit")?["id"].clone();
    let deleted = alice.send_message(&bob, "thought better of")?["id"].clone();
    let liked = bob.send_message(&alice, "liked by Alice")?["id"].clone();
    alice.change(json!({"type": "edit", "id": edited, "content": "after the edit"}))?;
    alice.change(json!({"type": "delete", "id": deleted}))?;
    alice.change(json!({"type": "react", "id": liked, "emoji": "🦜"}))?;
    alice.change(json!({"type": "read", "id": liked}))?;
    alice.change(json!({"type": "retention", "with": bob.id, "days": 7}))?;
    let trip = alice.make_group("Trip", &[&bob])?;
    let group = bob.make_group("Parrots of Rome", &[&alice])?;
    bob.send_to_group(group, "said in the group")?;
    alice.change(json!({"type": "group.leave", "group": group}))?;
    bob.send_to_group(group, "said after she left")?;
    alice.change(json!({"type": "block", "id": bob.id}))?;
    bob.send_message(&alice, "said while blocked")?;
    bob.change(json!({"type": "edit", "id": liked, "content": "edited while blocked"}))?;

    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    let kept = ["after the edit", "liked by Alice", "🦜", "Parrots of Rome", "said in the group"];
    for kept in kept {
        ensure!(export.text.contains(kept), "{kept:?} is missing from the export");
    }
    let gone =
        ["before the edit", "thought better of", "said after she left", "while blocked"];
    for gone in gone {
        ensure!(!export.text.contains(gone), "{gone:?} is in the export");
    }
    let listed = export.body["conversations"].as_array().context("no `conversations`")?;
    let line = |key: &str, id: &Value| listed.iter().find(|it| it[key] == *id);
    let with_bob = line("with", &json!(bob.id)).context("nothing with Bob")?;
    ensure!(with_bob["read"] == liked && with_bob["days"] == 7, "{with_bob}");
    let left = line("group", &json!(group)).context("no group")?;
    ensure!(left["name"] == "Parrots of Rome" && left["until"].is_i64(), "{left}");
    let trip = line("group", &json!(trip)).context("no second group")?;
    ensure!(trip["role"] == "admin" && trip["since"].is_i64(), "{trip}");
    let blocked = &export.body["blocked"][0];
    ensure!(blocked["id"] == bob.id && blocked["at"].is_i64(), "{blocked}");
    Ok(())
}
