//! In a group each member's receipt comes by itself, and the one that completes the group says so.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn receipts_in_groups(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    alice.become_contacts(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    bob.receive_event("group")?;
    carol.receive_event("group")?;
    let first = alice.send_to_group(group, "from Alice")?;
    bob.receive_message("from Alice")?;
    let second = bob.send_to_group(group, "from Bob")?;
    let seq = carol.receive_message("from Bob")?["seq"].as_i64().unwrap_or_default();
    alice.receive_message("from Bob")?;

    // One receipt for each sender, of what is theirs.
    carol.acknowledge(seq)?;
    is_receipt(&alice.receive_event("delivered")?, &first, &carol, false)?;
    is_receipt(&bob.receive_event("delivered")?, &second, &carol, false)?;
    // Who answers has the message, and its device has yet to say so.
    bob.acknowledge(3)?;
    is_receipt(&alice.receive_event("delivered")?, &first, &bob, true)?;

    carol.change(json!({"type": "read", "id": second["id"]}))?;
    is_receipt(&alice.receive_event("read")?, &first, &carol, false)?;
    is_receipt(&bob.receive_event("read")?, &second, &carol, false)?;
    bob.change(json!({"type": "read", "id": first["id"]}))?;
    is_receipt(&alice.receive_event("read")?, &first, &bob, true)?;

    let show = alice.query(json!({"type": "group.show", "group": group}))?;
    let of = |client: &Client| {
        let list = show["members"].as_array();
        list.and_then(|list| list.iter().find(|it| it["id"] == client.id)).cloned().unwrap_or_default()
    };
    let at = |line: Value| (line["delivered"].clone(), line["read"].clone());
    ensure!(at(of(&carol)) == (second["id"].clone(), second["id"].clone()), "{show}");
    ensure!(of(&bob)["read"] == first["id"], "{show}");
    Ok(())
}

fn is_receipt(event: &Value, sent: &Value, by: &Client, all: bool) -> Result<()> {
    ensure!(event["id"] == sent["id"] && event["by"] == by.id, "{event} for {sent}");
    ensure!(event["all"].as_bool().unwrap_or(false) == all, "expected all: {all} in {event}");
    Ok(())
}
