//! Who writes to somebody who does not know them asks first, and hears nothing before the answer.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

/// So many messages wait for an answer.
const WAITING_MAX: usize = 5;

pub fn message_requests(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    for number in 1..=WAITING_MAX {
        alice.send_message(&bob, &format!("hello {number}"))?;
        let heard = bob.receive_message(&format!("hello {number}"))?;
        ensure!(heard["request"] == true, "not a request: {heard}");
    }
    alice.refused(json!({"to": bob.id, "content": "hello?"}), "not_accepted")?;
    let asked = bob.conversation("with", alice.id)?;
    ensure!(asked["request"] == true && asked["name"] == alice.name, "{asked}");

    // He has it and reads it; she changes it, types, and wants to know whether he is there.
    let last = asked["last"]["id"].clone();
    bob.acknowledge(WAITING_MAX as i64)?;
    bob.change(json!({"type": "read", "id": last}))?;
    bob.change(json!({"type": "react", "id": last, "emoji": "👍"}))?;
    alice.change(json!({"type": "edit", "id": last, "content": "hello again"}))?;
    alice.change(json!({"type": "react", "id": last, "emoji": "🦜"}))?;
    alice.request(json!({"type": "typing", "to": bob.id}))?;
    bob.request(json!({"type": "typing", "to": alice.id}))?;
    alice.refused(json!({"type": "retention", "with": bob.id, "days": 7}), "not_accepted")?;
    let heard = bob.is_answered()?;
    ensure!(heard.is_empty(), "an event of what waits: {heard:?}");
    let heard = alice.is_answered()?;
    ensure!(heard.is_empty(), "a sign before the answer: {heard:?}");
    alice.request(json!({"type": "presence", "ids": [bob.id]}))?;
    let told = alice.receive_type("presence")?;
    ensure!(told["online"] == false && told.get("last_seen").is_none(), "seen: {told}");
    let page = bob.query(json!({"type": "history", "with": alice.id, "limit": 1}))?;
    let shown = &page["messages"][0];
    ensure!(shown["content"] == "hello again" && shown.get("request").is_none(), "{shown}");
    ensure!(shown["reactions"].as_array().is_some_and(|all| all.len() == 2), "{shown}");
    let waiting = alice.conversation("with", bob.id)?;
    ensure!(waiting.get("name").is_none() && waiting.get("request").is_none(), "{waiting}");
    ensure!(waiting["delivered_to"] == 0 && waiting["read_by"] == 0, "{waiting}");

    let accepted = bob.change(json!({"type": "accept", "id": alice.id}))?;
    ensure!(accepted["id"] == alice.id, "{accepted}");
    for kind in ["delivered", "read"] {
        let told = alice.receive_event(kind)?;
        ensure!(told["id"] == last && told["by"] == bob.id, "{told}");
    }
    bob.change_nothing(json!({"type": "accept", "id": alice.id}))?;
    bob.refused(json!({"type": "decline", "id": alice.id}), "forbidden")?;
    let known = alice.conversation("with", bob.id)?;
    ensure!(known["name"] == bob.name && known["read_by"] == last, "{known}");
    let page = alice.query(json!({"type": "history", "with": bob.id, "limit": 1}))?;
    ensure!(page["messages"][0]["reactions"].as_array().is_some_and(|all| all.len() == 2), "{page}");
    alice.send_message(&bob, "thank you")?;
    let heard = bob.receive_message("thank you")?;
    ensure!(heard.get("request").is_none(), "a request still: {heard}");
    ensure!(bob.conversation("with", alice.id)?.get("request").is_none());
    alice.watch_online(bob.id)?;

    // The log, read late, says how it was.
    let log = bob.whole_log("thank you")?;
    let asked = log.iter().filter(|event| event["request"] == true).count();
    ensure!(asked == WAITING_MAX, "{asked} requests in the log");
    ensure!(log.iter().any(|event| event["type"] == "accept" && event["id"] == alice.id));
    Ok(())
}
