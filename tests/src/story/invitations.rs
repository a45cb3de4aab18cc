//! Who does not know who adds it to a group is invited, hears nothing of it, and is in it once it accepts.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

/// Invitations that may wait for one account.
const WAITING_MAX: usize = 5;

pub fn invitations(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    alice.knows(&mut carol)?;
    let made = alice.act(
        json!({"type": "group.create", "name": "Trip", "members": [bob.id, carol.id]}),
    )?;
    let group = made["group"].as_i64().unwrap_or_default();
    ensure!(made["change"] == "create", "{made}");
    carol.hear_same(&made)?;
    let invited = alice.hear_event("group")?;
    let is_invite = invited["change"] == "invite" && invited["member"] == bob.id;
    ensure!(is_invite && invited["by"] == alice.id && invited["name"] == "Trip", "{invited}");
    carol.hear_same(&invited)?;
    bob.hear_same(&invited)?;

    // Nothing of the group but that.
    alice.tell(group, "before Bob")?;
    carol.hear_message("before Bob")?;
    alice.act(json!({"type": "group.rename", "group": group, "name": "Buy my things"}))?;
    carol.hear_event("group")?;
    alice.request(json!({"type": "typing", "group": group}))?;
    carol.hear_event("typing")?;
    let heard = bob.is_answered()?;
    ensure!(heard.is_empty(), "heard by who is invited: {heard:?}");
    for frame in [
        json!({"group": group, "content": "let me in"}),
        json!({"type": "group.show", "group": group}),
        json!({"type": "history", "group": group}),
        json!({"type": "group.leave", "group": group}),
    ] {
        bob.refused(frame, "not_found")?;
    }
    let line = bob.conversation("group", group)?;
    ensure!(line["role"] == "invited" && line["name"] == "Trip" && line["unread"] == 0, "{line}");
    let show = carol.look(json!({"type": "group.show", "group": group}))?;
    let last = &show["members"][2];
    ensure!(last["id"] == bob.id && last["role"] == "invited", "{show}");
    ensure!(last.get("name").is_none(), "the name of a stranger: {show}");
    for kind in ["group.promote", "group.demote"] {
        alice.refused(json!({"type": kind, "group": group, "member": bob.id}), "not_found")?;
    }
    alice.act_in_vain(json!({"type": "group.add", "group": group, "member": bob.id}))?;

    let joined = bob.join(group)?;
    ensure!(joined["name"] == "Buy my things", "{joined}");
    alice.hear_same(&joined)?;
    carol.hear_same(&joined)?;
    bob.act_in_vain(json!({"type": "accept", "group": group}))?;
    bob.refused(json!({"type": "decline", "group": group}), "forbidden")?;
    alice.tell(group, "after Bob")?;
    bob.hear_message("after Bob")?;
    ensure!(bob.history(json!({"group": group}))? == ["after Bob"]);
    let show = bob.look(json!({"type": "group.show", "group": group}))?;
    ensure!(show["members"][2]["name"] == bob.name && show["members"][2]["role"] == "member", "{show}");

    // They do not know each other for that: five may wait.
    let create = json!({"type": "group.create", "name": "Again", "members": [bob.id]});
    for _ in 0..WAITING_MAX {
        alice.act(create.clone())?;
    }
    alice.refused(create, "not_accepted")?;
    alice.refused(json!({"to": bob.id, "content": "hello?"}), "not_accepted")?;
    Ok(())
}
