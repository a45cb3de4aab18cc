//! What a role does not allow is `forbidden`; for who is no member there is no such group.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn group_roles(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let group = alice.make_group("Trip", &[&bob])?;
    bob.receive_event("group")?;

    for change in changes(group, &alice, &carol) {
        bob.refused(change, "forbidden")?;
    }
    let own = [
        json!({"type": "group.leave", "group": group}),
        json!({"type": "group.show", "group": group}),
        json!({"type": "history", "group": group}),
        json!({"group": group, "content": "let me in"}),
    ];
    for frame in changes(group, &alice, &carol).into_iter().chain(own) {
        carol.refused(frame.clone(), "not_found")?;
        let mut nowhere = frame;
        nowhere["group"] = json!(1_000_000_000);
        alice.refused(nowhere, "not_found")?;
    }

    let nobody = 1_000_000_000;
    let create = json!({"type": "group.create", "name": "Ghosts", "members": [bob.id, nobody]});
    alice.refused(create, "not_found")?;
    alice.refused(json!({"type": "group.add", "group": group, "member": nobody}), "not_found")?;

    for kind in ["group.remove", "group.promote", "group.demote"] {
        let frame = json!({"type": kind, "group": group, "member": carol.id});
        alice.refused(frame, "not_found")?;
    }

    // The last admin stays one, and one of two may go.
    let demote = json!({"type": "group.demote", "group": group, "member": alice.id});
    alice.refused(demote.clone(), "forbidden")?;
    alice.change(json!({"type": "group.promote", "group": group, "member": bob.id}))?;
    ensure!(bob.receive_event("group")?["change"] == "promote");
    alice.change(demote)?;
    ensure!(bob.receive_event("group")?["change"] == "demote");
    alice.refused(json!({"type": "group.rename", "group": group, "name": "Mine"}), "forbidden")?;

    // An admin who removes itself leaves.
    let own = bob.change(json!({"type": "group.remove", "group": group, "member": bob.id}))?;
    ensure!(own["change"] == "leave" && own["by"] == bob.id, "{own}");
    Ok(())
}

/// What only an admin may do.
fn changes(group: i64, admin: &Client, other: &Client) -> Vec<Value> {
    vec![
        json!({"type": "group.add", "group": group, "member": other.id}),
        json!({"type": "group.remove", "group": group, "member": admin.id}),
        json!({"type": "group.rename", "group": group, "name": "Mine"}),
        json!({"type": "group.promote", "group": group, "member": other.id}),
        json!({"type": "group.demote", "group": group, "member": admin.id}),
        json!({"type": "retention", "group": group, "days": 1}),
    ]
}
