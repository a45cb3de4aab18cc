//! When the last admin leaves, the longest-standing member is promoted; the last of all leaves an empty group.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn last_admin_leaves(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    alice.become_contacts(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.change(json!({"type": "group.add", "group": group, "member": carol.id}))?;
    ensure!(bob.receive_event("group")?["change"] == "create");
    ensure!(bob.receive_event("group")?["change"] == "add");
    ensure!(carol.receive_event("group")?["change"] == "add");

    alice.change(json!({"type": "group.leave", "group": group}))?;
    let heard = [bob.receive_event("group")?, bob.receive_event("group")?];
    carol.receive_same(&heard[0])?;
    carol.receive_same(&heard[1])?;
    let change = |what: &str| {
        heard.iter().find(|it| it["change"] == what).with_context(|| format!("{what}: {heard:?}"))
    };
    ensure!(change("leave")?["by"] == alice.id, "{heard:?}");
    let promoted = change("promote")?;
    ensure!(promoted["member"] == bob.id && promoted["by"] == alice.id, "{promoted}");

    bob.change(json!({"type": "group.rename", "group": group, "name": "Without Alice"}))?;
    ensure!(carol.receive_event("group")?["name"] == "Without Alice");
    bob.change(json!({"type": "group.leave", "group": group}))?;
    let last = [carol.receive_event("group")?, carol.receive_event("group")?];
    let is_promoted = last.iter().any(|it| it["change"] == "promote" && it["member"] == carol.id);
    ensure!(is_promoted, "{last:?}");
    carol.change(json!({"type": "group.leave", "group": group}))?;
    carol.refused(json!({"type": "group.show", "group": group}), "not_found")?;
    Ok(())
}
