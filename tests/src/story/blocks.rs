//! Nothing comes from a blocked account, then or later, and it cannot tell.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn blocks(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let mine = alice.send_message(&bob, "hello")?["id"].clone();
    let his = bob.send_message(&alice, "hello to you")?["id"].clone();
    alice.receive_message("hello to you")?;
    bob.watch_online(alice.id)?;

    let block = json!({"type": "block", "id": bob.id});
    let told = alice.change(block.clone())?;
    ensure!(told["id"] == bob.id && told["seq"] == 3, "{told}");
    alice.change_nothing(block)?;
    alice.refused(json!({"type": "block", "id": alice.id}), "bad_request")?;
    alice.refused(json!({"type": "block", "id": 1_000_000_000}), "not_found")?;
    ensure!(alice.query(json!({"type": "blocks"}))?["ids"] == json!([bob.id]));
    let gone = bob.receive("Alice gone", |it| it["type"] == "presence")?;
    ensure!(gone["online"] == false && gone["last_seen"].is_i64(), "like any departure: {gone}");
    bob.change_nothing(json!({"type": "presence", "ids": [alice.id]}))?;
    let again = bob.receive("Alice still gone", |it| it["type"] == "presence")?;
    ensure!(again == gone, "{again}, and {gone} before");
    alice.change_nothing(json!({"type": "presence", "ids": [bob.id]}))?;
    let there = alice.receive("Bob away", |it| it["type"] == "presence")?;
    ensure!(there["online"] == false && there.get("last_seen").is_none(), "{there}");

    // He says and does what he always could.
    let unheard = bob.send_message(&alice, "can you hear me?")?;
    ensure!(unheard["id"].is_i64() && unheard["seq"].is_i64(), "{unheard}");
    bob.change(json!({"type": "edit", "id": his, "content": "edited"}))?;
    bob.change(json!({"type": "react", "id": mine, "emoji": "👍"}))?;
    bob.change(json!({"type": "read", "id": mine}))?;
    bob.change_nothing(json!({"type": "typing", "to": alice.id}))?;
    carol.send_message(&alice, "I can")?;
    let next = alice.receive_next()?;
    ensure!(next["content"] == "I can" && next["seq"] == 4, "{next}");
    alice.acknowledge(4)?;
    reads_what_had_arrived(&mut alice, &bob, &["hello", "hello to you"])?;
    ensure!(alice.search("hear")?.is_empty() && alice.search("edited")?.is_empty(), "found");
    ensure!(bob.history(json!({"with": alice.id}))?[1] == "edited", "as ever for him");
    ensure!(alice.conversation("with", bob.id)?["unread"] == 1);

    // Nothing is made up for afterwards.
    alice.change(json!({"type": "unblock", "id": bob.id}))?;
    alice.change_nothing(json!({"type": "unblock", "id": bob.id}))?;
    ensure!(alice.query(json!({"type": "blocks"}))?["ids"] == json!([]));
    bob.send_message(&alice, "and now?")?;
    let next = alice.receive_next()?;
    ensure!(next["content"] == "and now?" && next["seq"] == 6, "{next}");
    reads_what_had_arrived(&mut alice, &bob, &["hello", "hello to you", "and now?"])?;
    alice.acknowledge(6)?;
    let delivered = |it: &&Value| it["type"] == "delivered" && it["id"] == unheard["id"];
    bob.receive("the last receipt", |it| it["type"] == "delivered" && it["id"] != his)?;
    alice.send_message(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    ensure!(!log.iter().any(|it| delivered(&it)), "a receipt for what never arrived: {log:?}");
    Ok(())
}

/// These texts, unedited, and no reaction to the first.
fn reads_what_had_arrived(alice: &mut Client, bob: &Client, texts: &[&str]) -> Result<()> {
    let read = alice.history(json!({"with": bob.id}))?;
    ensure!(read == texts, "read, though never heard: {read:?}");
    let page = alice.query(json!({"type": "history", "with": bob.id}))?;
    ensure!(page["messages"][0].get("reactions").is_none(), "his reaction: {page}");
    ensure!(page["messages"][1].get("edited_at").is_none(), "his edit: {page}");
    Ok(())
}
