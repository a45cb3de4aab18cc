//! A deleted account leaves its groups, and who stays learns of it.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn deleted_members(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.tell(group, "from Alice")?;
    bob.hear_message("from Alice")?;
    let delete = json!({"password": alice.password});
    alice.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;

    let is_change = |it: &serde_json::Value, what: &str| it["group"] == group && it["change"] == what;
    let left = bob.hear("Alice's leaving", |it| is_change(it, "leave"))?;
    ensure!(left["by"] == alice.id, "{left}");
    let promoted = bob.hear("Bob's promotion", |it| is_change(it, "promote"))?;
    ensure!(promoted["member"] == bob.id, "{promoted}");
    ensure!(bob.history(json!({"group": group}))? == ["from Alice"], "her words stay");
    bob.act(json!({"type": "group.rename", "group": group, "name": "Bob's"}))?;
    Ok(())
}
