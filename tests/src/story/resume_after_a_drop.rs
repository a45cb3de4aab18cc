//! After a drop, the log goes on where the device asks; without asking, at the first thing nobody acknowledged.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn resume_after_a_drop(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    bob.send_message(&alice, "1")?;
    alice.change(json!({"type": "accept", "id": bob.id}))?;
    for n in 2..=9 {
        alice.send_message(&bob, &format!("{n}"))?;
        bob.receive_message(&format!("{n}"))?;
    }
    bob.acknowledge(4)?;
    bob.leave();
    alice.send_message(&bob, "10")?;

    let goes_on = |bob: &mut Client, welcome: &serde_json::Value, from: i64| -> Result<()> {
        ensure!(welcome["seq"] == from - 1, "to go on at {from}: {welcome}");
        for n in from..=10 {
            let event = bob.receive_next()?;
            let is_next = event["seq"] == n && event["content"].as_str() == Some(&*n.to_string());
            ensure!(is_next, "{n}: {event}");
        }
        let more = bob.is_answered()?;
        ensure!(more.is_empty(), "sent again: {more:?}");
        bob.leave();
        Ok(())
    };
    let welcome = bob.connect()?;
    goes_on(&mut bob, &welcome, 5)?;
    for since in [0, 1, 4, 7, 9, 10] {
        let welcome = bob.connect_since(since)?;
        goes_on(&mut bob, &welcome, since + 1)?;
    }

    bob.connect_since(10)?;
    bob.acknowledge(10)?;
    // What was acknowledged stays so.
    bob.acknowledge(2)?;
    bob.leave();
    let welcome = bob.connect()?;
    goes_on(&mut bob, &welcome, 11)?;

    bob.connect()?;
    alice.send_message(&bob, "11")?;
    let live = bob.receive_next()?;
    ensure!(live["seq"] == 11, "{live}");
    Ok(())
}
