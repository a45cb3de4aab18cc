//! Nothing comes from a blocked account, then or later, and it cannot tell.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn blocks(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    let mine = alice.say(&bob, "hello")?["id"].clone();
    let his = bob.say(&alice, "hello to you")?["id"].clone();
    alice.hear_message("hello to you")?;
    bob.act_in_vain(json!({"type": "presence", "ids": [alice.id]}))?;
    ensure!(bob.hear("Alice here", |it| it["type"] == "presence")?["online"] == true);

    let block = json!({"type": "block", "id": bob.id});
    let told = alice.act(block.clone())?;
    ensure!(told["id"] == bob.id && told["seq"] == 3, "{told}");
    alice.act_in_vain(block)?;
    alice.refused(json!({"type": "block", "id": alice.id}), "bad_request")?;
    alice.refused(json!({"type": "block", "id": 1_000_000_000}), "not_found")?;
    ensure!(alice.look(json!({"type": "blocks"}))?["ids"] == json!([bob.id]));
    let gone = bob.hear("Alice gone", |it| it["type"] == "presence")?;
    ensure!(gone["online"] == false && gone["last_seen"].is_i64(), "like any departure: {gone}");
    bob.act_in_vain(json!({"type": "presence", "ids": [alice.id]}))?;
    let again = bob.hear("Alice still gone", |it| it["type"] == "presence")?;
    ensure!(again == gone, "{again}, and {gone} before");
    alice.act_in_vain(json!({"type": "presence", "ids": [bob.id]}))?;
    let there = alice.hear("Bob away", |it| it["type"] == "presence")?;
    ensure!(there["online"] == false && there.get("last_seen").is_none(), "{there}");

    // He says and does what he always could.
    let unheard = bob.say(&alice, "can you hear me?")?;
    ensure!(unheard["id"].is_i64() && unheard["seq"].is_i64(), "{unheard}");
    bob.act(json!({"type": "edit", "id": his, "content": "edited"}))?;
    bob.act(json!({"type": "react", "id": mine, "emoji": "👍"}))?;
    bob.act(json!({"type": "read", "id": mine}))?;
    bob.act_in_vain(json!({"type": "typing", "to": alice.id}))?;
    carol.say(&alice, "I can")?;
    let next = alice.hear_next()?;
    ensure!(next["content"] == "I can" && next["seq"] == 4, "{next}");
    alice.acknowledge(4)?;
    reads_what_had_arrived(&mut alice, &bob, &["hello", "hello to you"])?;
    ensure!(alice.search("hear")?.is_empty() && alice.search("edited")?.is_empty(), "found");
    ensure!(bob.history(json!({"with": alice.id}))?[1] == "edited", "as ever for him");
    ensure!(alice.conversation("with", bob.id)?["unread"] == 1);

    // Nothing is made up for afterwards.
    alice.act(json!({"type": "unblock", "id": bob.id}))?;
    alice.act_in_vain(json!({"type": "unblock", "id": bob.id}))?;
    ensure!(alice.look(json!({"type": "blocks"}))?["ids"] == json!([]));
    bob.say(&alice, "and now?")?;
    let next = alice.hear_next()?;
    ensure!(next["content"] == "and now?" && next["seq"] == 6, "{next}");
    reads_what_had_arrived(&mut alice, &bob, &["hello", "hello to you", "and now?"])?;
    alice.acknowledge(6)?;
    let delivered = |it: &&Value| it["type"] == "delivered" && it["id"] == unheard["id"];
    bob.hear("the last receipt", |it| it["type"] == "delivered" && it["id"] != his)?;
    alice.say(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    ensure!(!log.iter().any(|it| delivered(&it)), "a receipt for what never arrived: {log:?}");
    Ok(())
}

/// These texts, unedited, and no reaction to the first.
fn reads_what_had_arrived(alice: &mut Person, bob: &Person, texts: &[&str]) -> Result<()> {
    let read = alice.history(json!({"with": bob.id}))?;
    ensure!(read == texts, "read, though never heard: {read:?}");
    let page = alice.look(json!({"type": "history", "with": bob.id}))?;
    ensure!(page["messages"][0].get("reactions").is_none(), "his reaction: {page}");
    ensure!(page["messages"][1].get("edited_at").is_none(), "his edit: {page}");
    Ok(())
}
