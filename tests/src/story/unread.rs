//! What others said after the last thing read is unread; it is counted up to a bound.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn unread(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut ids = Vec::new();
    for n in 1..=5 {
        ids.push(alice.send_message(&bob, &format!("{n}"))?["id"].clone());
    }
    let from = alice.id;
    let is = |bob: &mut Client, expected: i64, when: &str| -> Result<()> {
        let line = bob.conversation("with", from)?;
        ensure!(line["unread"] == expected, "{when}: not {expected} unread: {line}");
        Ok(())
    };
    is(&mut bob, 5, "at first")?;
    bob.acknowledge(5)?;
    is(&mut bob, 5, "acknowledged is not read")?;
    bob.change(json!({"type": "read", "id": ids[1]}))?;
    is(&mut bob, 3, "two are read")?;
    let mut laptop = bob.device("laptop")?;
    laptop.connect()?;
    is(&mut laptop, 3, "at another device")?;
    alice.change(json!({"type": "delete", "id": ids[4]}))?;
    is(&mut laptop, 2, "a deleted message is not unread")?;
    let answer = bob.request(json!({"to": alice.id, "content": "mine"}))?;
    ensure!(answer["type"] == "sent", "{answer}");
    bob.change(json!({"type": "read", "id": answer["id"]}))?;
    is(&mut bob, 0, "read up to an own message")?;
    Ok(())
}
