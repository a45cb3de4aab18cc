//! In a group the blocked one's words reach everybody but who blocked them, also the name that they give it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn blocks_in_groups(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    bob.become_contacts(&mut alice)?;
    bob.become_contacts(&mut carol)?;
    let group = bob.make_group("Trip", &[&alice, &carol])?;
    alice.receive_event("group")?;
    alice.change(json!({"type": "block", "id": bob.id}))?;

    let unheard = bob.send_to_group(group, "from Bob")?;
    carol.receive_message("from Bob")?;
    bob.change(json!({"type": "edit", "id": unheard["id"], "content": "from Bob, edited"}))?;
    let hers = carol.send_to_group(group, "from Carol")?;
    let next = alice.receive_next()?;
    ensure!(next["content"] == "from Carol" && next["seq"] == 4, "{next}");
    bob.change(json!({"type": "react", "id": hers["id"], "emoji": "👍"}))?;
    let renamed = bob.change(json!({"type": "group.rename", "group": group, "name": "Rome"}))?;
    carol.receive("the new name", |it| it["change"] == "rename" && it["name"] == renamed["name"])?;
    bob.change(json!({"type": "group.promote", "group": group, "member": carol.id}))?;
    let next = alice.receive_next()?;
    ensure!(next["change"] == "promote" && next["seq"] == 5, "another change, and no rename: {next}");

    for frame in [
        json!({"type": "react", "id": unheard["id"], "emoji": "👍"}),
        json!({"type": "read", "id": unheard["id"]}),
        json!({"group": group, "content": "what?", "reply_to": unheard["id"]}),
    ] {
        alice.refused(frame, "not_found")?;
    }
    ensure!(alice.history(json!({"group": group}))? == ["from Carol"]);
    let line = alice.conversation("group", group)?;
    ensure!(line["name"] == "Rome", "the name holds: {line}");
    ensure!(line["unread"] == 1 && line["last"]["id"] == hers["id"], "{line}");

    // She is in the group as ever; only his receipts lack hers, and he sees her away, whatever she does.
    let marks = |client: &mut Client, alice: i64| -> Result<_> {
        let group = client.query(json!({"type": "group.show", "group": group}))?;
        let member = group["members"].as_array().and_then(|all| all.iter().find(|it| it["id"] == alice));
        Ok(member.map(|it| (it["delivered"].clone(), it["read"].clone())))
    };
    let seen = marks(&mut bob, alice.id)?;
    bob.change_nothing(json!({"type": "presence", "ids": [alice.id]}))?;
    let there = bob.receive("Alice away", |it| it["type"] == "presence")?;
    let left_at = there["last_seen"].as_i64().context("no last_seen")?;
    ensure!(there["online"] == false && left_at <= unheard["at"].as_i64().context("no at")?, "when she blocked him: {there}");
    alice.change_nothing(json!({"type": "typing", "group": group}))?;
    carol.receive("her typing", |it| it["type"] == "typing")?;
    let from_alice = alice.send_to_group(group, "from Alice")?;
    let is_hers = |it: &Value| it["type"] == "typing" || it["id"] == from_alice["id"];
    let next = bob.receive("her message", is_hers)?;
    ensure!(next["type"] == "message", "her message and no typing: {next}");
    bob.change_nothing(json!({"type": "presence", "ids": [alice.id]}))?;
    let there = bob.receive("Alice away", |it| it["type"] == "presence")?;
    ensure!(there["online"] == false && there["last_seen"] == next["at"], "{there} after {next}");
    alice.change(json!({"type": "read", "id": hers["id"]}))?;
    ensure!(marks(&mut bob, alice.id)? == seen, "she has come further for who is blocked");
    ensure!(marks(&mut carol, alice.id)? != seen, "nor for others");
    alice.acknowledge(6)?;
    let receipt = carol.receive("her receipt", |it| it["type"] == "delivered" && it["by"] == alice.id)?;
    ensure!(receipt["id"] == hers["id"] && receipt["by"] == alice.id, "{receipt}");
    carol.send_to_group(group, "the end")?;
    let log = bob.whole_log("the end")?;
    ensure!(!log.iter().any(|it| it["type"] == "delivered" && it["by"] == alice.id), "{log:?}");
    Ok(())
}
