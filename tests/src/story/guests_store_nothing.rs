//! Guests talk, type and see who is there; what needs storage is `unsupported`.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn guests_store_nothing(endpoints: &Endpoints) -> Result<()> {
    let mut first = Client::guest(endpoints)?;
    let mut second = Client::guest(endpoints)?;
    for frame in [
        json!({"type": "read", "id": 1}),
        json!({"type": "edit", "id": 1, "content": "x"}),
        json!({"type": "delete", "id": 1}),
        json!({"type": "react", "id": 1, "emoji": null}),
        json!({"type": "history", "with": second.id}),
        json!({"type": "conversations"}),
        json!({"type": "search", "text": "x"}),
        json!({"type": "block", "id": second.id}),
        json!({"type": "unblock", "id": second.id}),
        json!({"type": "blocks"}),
        json!({"type": "retention", "with": second.id, "days": 7}),
        json!({"type": "group.create", "name": "x", "members": []}),
        json!({"type": "group.show", "group": 1}),
        json!({"type": "group.add", "group": 1, "member": 1}),
        json!({"type": "group.remove", "group": 1, "member": 1}),
        json!({"type": "group.rename", "group": 1, "name": "x"}),
        json!({"type": "group.leave", "group": 1}),
        json!({"type": "group.promote", "group": 1, "member": 1}),
        json!({"type": "group.demote", "group": 1, "member": 1}),
        json!({"group": 1, "content": "x"}),
    ] {
        first.refused(frame, "unsupported")?;
    }
    first.acknowledge(7)?;

    first.change_nothing(json!({"type": "typing", "to": second.id}))?;
    let typing = second.receive_event("typing")?;
    ensure!(typing["from"] == first.id && typing["to"] == second.id, "{typing}");
    first.change_nothing(json!({"type": "presence", "ids": [second.id]}))?;
    ensure!(first.receive_event("presence")? == json!({"type": "presence", "id": second.id, "online": true}));
    second.leave();
    let gone = first.receive_event("presence")?;
    ensure!(gone["id"] == second.id && gone["online"] == false, "{gone}");
    Ok(())
}
