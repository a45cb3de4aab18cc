//! The export has what was said as it is now, in groups too, and nothing that its owner may not read.

use anyhow::{Result, ensure};
use serde_json::json;

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
    let group = bob.make_group("Parrots of Rome", &[&alice])?;
    bob.tell(group, "said in the group")?;
    alice.act(json!({"type": "group.leave", "group": group}))?;
    bob.tell(group, "said after she left")?;
    alice.act(json!({"type": "block", "id": bob.id}))?;
    bob.say(&alice, "said while blocked")?;

    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    let kept = ["after the edit", "liked by Alice", "🦜", "Parrots of Rome", "said in the group"];
    for kept in kept {
        ensure!(export.text.contains(kept), "{kept:?} is missing from the export");
    }
    let gone =
        ["before the edit", "thought better of", "said after she left", "said while blocked"];
    for gone in gone {
        ensure!(!export.text.contains(gone), "{gone:?} is in the export");
    }
    Ok(())
}
