//! Who sent something learns that it arrived at a device and that it was read; one receipt covers all before it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn receipts(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(alice.send_message(&bob, &format!("{n}"))?["id"].clone());
    }
    let by = bob.id;
    let is_receipt = |event: Value, id: &Value, seq: i64| {
        let fits = event["id"] == *id && event["by"] == by && event["seq"] == seq;
        ensure!(fits, "expected a receipt for {id} at {seq}: {event}");
        Ok(())
    };

    // What was acknowledged twice is told once.
    bob.receive_message("3")?;
    bob.acknowledge(3)?;
    is_receipt(alice.receive_event("delivered")?, &ids[1], 6)?;
    bob.acknowledge(4)?;
    bob.acknowledge(4)?;
    bob.acknowledge(2)?;
    is_receipt(alice.receive_event("delivered")?, &ids[2], 7)?;

    let mut read = |id: &Value| bob.change(json!({"type": "read", "id": id}));
    let told = read(&ids[1])?;
    is_receipt(alice.receive_event("read")?, &ids[1], 8)?;
    ensure!(told["seq"] == 5 && told["id"] == ids[1] && told["by"] == by, "{told}");
    read(&ids[2])?;
    is_receipt(alice.receive_event("read")?, &ids[2], 9)?;
    for id in [&ids[2], &ids[0]] {
        bob.change_nothing(json!({"type": "read", "id": id}))?;
    }

    let mut carol = Client::connected(endpoints, "Carol")?;
    for id in [&ids[0], &json!(0), &json!(-1), &json!(i64::MAX)] {
        carol.refused(json!({"type": "read", "id": id}), "not_found")?;
    }
    bob.send_message(&alice, "that was all")?;
    let next = alice.receive_next()?;
    ensure!(next["content"] == "that was all" && next["seq"] == 10, "{next}");
    Ok(())
}
