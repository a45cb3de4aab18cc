//! Two people talk; with accounts each message has an id, and a place in both logs.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn both_ways(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    for round in 0..3 {
        let sent = alice.say(&bob, "hello")?;
        let heard = bob.hear_next()?;
        same(&sent, &heard, &alice, &bob)?;
        let sent_back = bob.say(&alice, "hello to you")?;
        let heard_back = alice.hear_next()?;
        same(&sent_back, &heard_back, &bob, &alice)?;
        if world.has_accounts() {
            let places = [&sent["seq"], &heard["seq"], &sent_back["seq"], &heard_back["seq"]];
            let first = 2 * round + 1;
            ensure!(places == [first, first, first + 1, first + 1], "{places:?}");
            let ids = (sent["id"].as_i64(), sent_back["id"].as_i64());
            ensure!(ids.0 > Some(0) && ids.0 < ids.1, "ids do not count up: {ids:?}");
        }
    }
    alice.write(&json!({"type": "message", "to": bob.id, "content": "typed"}))?;
    ensure!(bob.hear_next()?["content"] == "typed");
    Ok(())
}

fn same(
    sent: &serde_json::Value,
    heard: &serde_json::Value,
    from: &Person,
    to: &Person,
) -> Result<()> {
    ensure!(heard["type"] == "message", "{heard}");
    ensure!(heard["from"] == from.id && heard["to"] == to.id, "{heard}");
    ensure!(heard["id"] == sent["id"] && heard["at"] == sent["at"], "{sent} but {heard}");
    Ok(())
}
