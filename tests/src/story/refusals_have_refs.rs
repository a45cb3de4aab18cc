//! Whatever is refused is refused under its `ref`, and leaves no trace in the log.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn refusals_have_refs(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    let nothing = 1_000_000_000;
    for frame in [
        json!({"to": nothing, "content": "x"}),
        json!({"to": bob.id, "content": "x", "reply_to": nothing}),
        json!({"group": nothing, "content": "x"}),
        json!({"type": "read", "id": nothing}),
        json!({"type": "edit", "id": nothing, "content": "x"}),
        json!({"type": "delete", "id": nothing}),
        json!({"type": "react", "id": nothing, "emoji": "👍"}),
        json!({"type": "history", "group": nothing}),
        json!({"type": "block", "id": nothing}),
        json!({"type": "retention", "group": nothing, "days": 7}),
        json!({"type": "group.create", "name": "x", "members": [nothing]}),
        json!({"type": "group.show", "group": nothing}),
        json!({"type": "group.add", "group": nothing, "member": bob.id}),
        json!({"type": "group.remove", "group": nothing, "member": bob.id}),
        json!({"type": "group.rename", "group": nothing, "name": "x"}),
        json!({"type": "group.leave", "group": nothing}),
        json!({"type": "group.promote", "group": nothing, "member": bob.id}),
        json!({"type": "group.demote", "group": nothing, "member": bob.id}),
        json!({"type": "accept", "id": nothing}),
        json!({"type": "accept", "group": nothing}),
        json!({"type": "decline", "id": nothing}),
        json!({"type": "decline", "group": nothing}),
    ] {
        alice.refused(frame, "not_found")?;
    }
    let types = [
        "hello", "message", "received", "read", "edit", "delete", "react", "history", "search", "typing",
        "presence", "block", "unblock", "retention", "group.create", "group.show", "group.add",
        "group.remove", "group.rename", "group.leave", "group.promote", "group.demote",
        "accept", "decline",
    ];
    for kind in types {
        alice.refused(json!({"type": kind}), "bad_request")?;
    }
    let sent = alice.send_message(&bob, "at last")?;
    ensure!(sent["seq"] == 1, "a refusal is in the log: {sent}");
    Ok(())
}
