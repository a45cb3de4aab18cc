//! What one device of an account does, its others learn; all have the same log.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn devices_act(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    laptop.connect()?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mine = phone.send_message(&bob, "from the phone")?;
    laptop.receive_message("from the phone")?;
    let his = bob.send_message(&phone, "from Bob")?;
    phone.receive_message("from Bob")?;
    laptop.receive_message("from Bob")?;

    let group = phone.make_group("Trip", &[&bob])?;
    laptop.receive_event("group")?;
    let acts = [
        json!({"type": "read", "id": his["id"]}),
        json!({"type": "edit", "id": mine["id"], "content": "edited"}),
        json!({"type": "react", "id": his["id"], "emoji": "👍"}),
        json!({"type": "delete", "id": mine["id"]}),
        json!({"type": "retention", "with": bob.id, "days": 7}),
        json!({"type": "block", "id": bob.id}),
        json!({"type": "unblock", "id": bob.id}),
        json!({"type": "group.rename", "group": group, "name": "Trip to Rome"}),
        json!({"type": "group.promote", "group": group, "member": bob.id}),
        json!({"type": "group.leave", "group": group}),
    ];
    for act in acts {
        let told = phone.change(act)?;
        let heard = laptop.receive_next()?;
        ensure!(heard["seq"] == told["seq"], "told {told}, at the other device {heard}");
        let mut told = told;
        told.as_object_mut().map(|keys| keys.remove("ref"));
        ensure!(heard == told, "told {told}, at the other device {heard}");
    }

    // Without a `ref` nothing answers, and the event comes to this device as to any other.
    phone.write(&json!({"type": "react", "id": his["id"], "emoji": null}))?;
    let (here, there) = (phone.receive_event("react")?, laptop.receive_event("react")?);
    ensure!(here == there && here.get("ref").is_none(), "{here} but {there}");
    ensure!(phone.is_answered()?.is_empty() && laptop.is_answered()?.is_empty(), "an echo");
    Ok(())
}
