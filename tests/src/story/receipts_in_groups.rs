//! In a group each member's receipt comes by itself, and the one that completes the group says so.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn receipts_in_groups(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    alice.knows(&mut bob)?;
    alice.knows(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    bob.hear_event("group")?;
    carol.hear_event("group")?;
    let first = alice.tell(group, "from Alice")?;
    bob.hear_message("from Alice")?;
    let second = bob.tell(group, "from Bob")?;
    let seq = carol.hear_message("from Bob")?["seq"].as_i64().unwrap_or_default();
    alice.hear_message("from Bob")?;

    // One receipt for each sender, of what is theirs.
    carol.acknowledge(seq)?;
    is_receipt(&alice.hear_event("delivered")?, &first, &carol, false)?;
    is_receipt(&bob.hear_event("delivered")?, &second, &carol, false)?;
    // Who answers has the message, and its device has yet to say so.
    bob.acknowledge(3)?;
    is_receipt(&alice.hear_event("delivered")?, &first, &bob, true)?;

    carol.act(json!({"type": "read", "id": second["id"]}))?;
    is_receipt(&alice.hear_event("read")?, &first, &carol, false)?;
    is_receipt(&bob.hear_event("read")?, &second, &carol, false)?;
    bob.act(json!({"type": "read", "id": first["id"]}))?;
    is_receipt(&alice.hear_event("read")?, &first, &bob, true)?;

    let show = alice.look(json!({"type": "group.show", "group": group}))?;
    let of = |person: &Person| {
        let list = show["members"].as_array();
        list.and_then(|list| list.iter().find(|it| it["id"] == person.id)).cloned().unwrap_or_default()
    };
    let at = |line: Value| (line["delivered"].clone(), line["read"].clone());
    ensure!(at(of(&carol)) == (second["id"].clone(), second["id"].clone()), "{show}");
    ensure!(of(&bob)["read"] == first["id"], "{show}");
    Ok(())
}

fn is_receipt(event: &Value, sent: &Value, by: &Person, all: bool) -> Result<()> {
    ensure!(event["id"] == sent["id"] && event["by"] == by.id, "{event} for {sent}");
    ensure!(event["all"].as_bool().unwrap_or(false) == all, "expected all: {all} in {event}");
    Ok(())
}
