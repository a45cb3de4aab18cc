//! After a drop, the log goes on where the device asks; without asking, at the first thing nobody acknowledged.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn resume_after_a_drop(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    bob.say(&alice, "1")?;
    alice.act(json!({"type": "accept", "id": bob.id}))?;
    for n in 2..=9 {
        alice.say(&bob, &format!("{n}"))?;
        bob.hear_message(&format!("{n}"))?;
    }
    bob.acknowledge(4)?;
    bob.leave();
    alice.say(&bob, "10")?;

    let goes_on = |bob: &mut Person, welcome: &serde_json::Value, from: i64| -> Result<()> {
        ensure!(welcome["seq"] == from - 1, "to go on at {from}: {welcome}");
        for n in from..=10 {
            let event = bob.hear_next()?;
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
    alice.say(&bob, "11")?;
    let live = bob.hear_next()?;
    ensure!(live["seq"] == 11, "{live}");
    Ok(())
}
