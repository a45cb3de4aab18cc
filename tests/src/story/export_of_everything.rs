//! The export has what was said as it is now, in groups too, and nothing that its owner may not read.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn export_of_everything(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let edited = alice.say(&bob, "before the edit")?["id"].clone();
    let deleted = alice.say(&bob, "thought better of")?["id"].clone();
    let liked = bob.say(&alice, "liked by Alice")?["id"].clone();
    alice.act(json!({"type": "edit", "id": edited, "content": "after the edit"}))?;
    alice.act(json!({"type": "delete", "id": deleted}))?;
    alice.act(json!({"type": "react", "id": liked, "emoji": "🦜"}))?;
    alice.act(json!({"type": "read", "id": liked}))?;
    alice.act(json!({"type": "retention", "with": bob.id, "days": 7}))?;
    let trip = alice.make_group("Trip", &[&bob])?;
    let group = bob.make_group("Parrots of Rome", &[&alice])?;
    bob.tell(group, "said in the group")?;
    alice.act(json!({"type": "group.leave", "group": group}))?;
    bob.tell(group, "said after she left")?;
    alice.act(json!({"type": "block", "id": bob.id}))?;
    bob.say(&alice, "said while blocked")?;
    bob.act(json!({"type": "edit", "id": liked, "content": "edited while blocked"}))?;

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
