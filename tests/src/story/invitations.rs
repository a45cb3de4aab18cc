//! Who does not know who adds it to a group is invited, hears nothing of it, and is in it once it accepts.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

/// Invitations that may wait for one account.
const WAITING_MAX: usize = 5;

pub fn invitations(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut carol)?;
    let made = alice.change(
        json!({"type": "group.create", "name": "Trip", "members": [bob.id, carol.id]}),
    )?;
    let group = made["group"].as_i64().unwrap_or_default();
    ensure!(made["change"] == "create", "{made}");
    carol.receive_same(&made)?;
    let invited = alice.receive_event("group")?;
    let is_invite = invited["change"] == "invite" && invited["member"] == bob.id;
    ensure!(is_invite && invited["by"] == alice.id && invited["name"] == "Trip", "{invited}");
    carol.receive_same(&invited)?;
    bob.receive_same(&invited)?;

    // Nothing of the group but that.
    alice.send_to_group(group, "before Bob")?;
    carol.receive_message("before Bob")?;
    alice.change(json!({"type": "group.rename", "group": group, "name": "Buy my things"}))?;
    carol.receive_event("group")?;
    alice.request(json!({"type": "typing", "group": group}))?;
    carol.receive_event("typing")?;
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
    let show = carol.query(json!({"type": "group.show", "group": group}))?;
    let last = &show["members"][2];
    ensure!(last["id"] == bob.id && last["role"] == "invited", "{show}");
    ensure!(last.get("name").is_none(), "the name of a stranger: {show}");
    for kind in ["group.promote", "group.demote"] {
        alice.refused(json!({"type": kind, "group": group, "member": bob.id}), "not_found")?;
    }
    alice.change_nothing(json!({"type": "group.add", "group": group, "member": bob.id}))?;

    let joined = bob.join(group)?;
    ensure!(joined["name"] == "Buy my things", "{joined}");
    alice.receive_same(&joined)?;
    carol.receive_same(&joined)?;
    bob.change_nothing(json!({"type": "accept", "group": group}))?;
    bob.refused(json!({"type": "decline", "group": group}), "forbidden")?;
    alice.send_to_group(group, "after Bob")?;
    bob.receive_message("after Bob")?;
    ensure!(bob.history(json!({"group": group}))? == ["after Bob"]);
    let show = bob.query(json!({"type": "group.show", "group": group}))?;
    ensure!(show["members"][2]["name"] == bob.name && show["members"][2]["role"] == "member", "{show}");

    // They do not know each other for that: five may wait.
    let create = json!({"type": "group.create", "name": "Again", "members": [bob.id]});
    for _ in 0..WAITING_MAX {
        alice.change(create.clone())?;
    }
    alice.refused(create, "not_accepted")?;
    alice.refused(json!({"to": bob.id, "content": "hello?"}), "not_accepted")?;
    Ok(())
}
