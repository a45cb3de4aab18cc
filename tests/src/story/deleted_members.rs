//! A deleted account leaves its groups, and who stays learns of it.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn deleted_members(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.send_to_group(group, "from Alice")?;
    bob.receive_message("from Alice")?;
    let delete = json!({"password": alice.password});
    alice.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;

    let is_change = |it: &serde_json::Value, what: &str| it["group"] == group && it["change"] == what;
    let left = bob.receive("Alice's leaving", |it| is_change(it, "leave"))?;
    ensure!(left["by"] == alice.id, "{left}");
    let promoted = bob.receive("Bob's promotion", |it| is_change(it, "promote"))?;
    ensure!(promoted["member"] == bob.id, "{promoted}");
    ensure!(bob.history(json!({"group": group}))? == ["from Alice"], "her words stay");
    bob.change(json!({"type": "group.rename", "group": group, "name": "Bob's"}))?;
    Ok(())
}
