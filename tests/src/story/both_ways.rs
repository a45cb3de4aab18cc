//! Two people talk; with accounts each message has an id, and a place in both logs.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn both_ways(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    for round in 0..3 {
        let sent = alice.send_message(&bob, "hello")?;
        let heard = bob.receive_next()?;
        same(&sent, &heard, &alice, &bob)?;
        let sent_back = bob.send_message(&alice, "hello to you")?;
        let heard_back = alice.receive_next()?;
        same(&sent_back, &heard_back, &bob, &alice)?;
        if endpoints.has_accounts() {
            let places = [&sent["seq"], &heard["seq"], &sent_back["seq"], &heard_back["seq"]];
            let first = 2 * round + 1;
            ensure!(places == [first, first, first + 1, first + 1], "{places:?}");
            let ids = (sent["id"].as_i64(), sent_back["id"].as_i64());
            ensure!(ids.0 > Some(0) && ids.0 < ids.1, "ids do not count up: {ids:?}");
        }
    }
    alice.write(&json!({"type": "message", "to": bob.id, "content": "typed"}))?;
    ensure!(bob.receive_next()?["content"] == "typed");
    Ok(())
}

fn same(
    sent: &serde_json::Value,
    heard: &serde_json::Value,
    from: &Client,
    to: &Client,
) -> Result<()> {
    ensure!(heard["type"] == "message", "{heard}");
    ensure!(heard["from"] == from.id && heard["to"] == to.id, "{heard}");
    ensure!(heard["id"] == sent["id"] && heard["at"] == sent["at"], "{sent} but {heard}");
    Ok(())
}
