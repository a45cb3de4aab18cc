//! When the last admin leaves, the longest-standing member is promoted; the last of all leaves an empty group.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn last_admin_leaves(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    alice.knows(&mut bob)?;
    alice.knows(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.act(json!({"type": "group.add", "group": group, "member": carol.id}))?;
    ensure!(bob.hear_event("group")?["change"] == "create");
    ensure!(bob.hear_event("group")?["change"] == "add");
    ensure!(carol.hear_event("group")?["change"] == "add");

    alice.act(json!({"type": "group.leave", "group": group}))?;
    let heard = [bob.hear_event("group")?, bob.hear_event("group")?];
    carol.hear_same(&heard[0])?;
    carol.hear_same(&heard[1])?;
    let change = |what: &str| {
        heard.iter().find(|it| it["change"] == what).with_context(|| format!("{what}: {heard:?}"))
    };
    ensure!(change("leave")?["by"] == alice.id, "{heard:?}");
    let promoted = change("promote")?;
    ensure!(promoted["member"] == bob.id && promoted["by"] == alice.id, "{promoted}");

    bob.act(json!({"type": "group.rename", "group": group, "name": "Without Alice"}))?;
    ensure!(carol.hear_event("group")?["name"] == "Without Alice");
    bob.act(json!({"type": "group.leave", "group": group}))?;
    let last = [carol.hear_event("group")?, carol.hear_event("group")?];
    let is_promoted = last.iter().any(|it| it["change"] == "promote" && it["member"] == carol.id);
    ensure!(is_promoted, "{last:?}");
    carol.act(json!({"type": "group.leave", "group": group}))?;
    carol.refused(json!({"type": "group.show", "group": group}), "not_found")?;
    Ok(())
}
