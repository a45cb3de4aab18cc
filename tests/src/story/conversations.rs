//! The list of conversations: the latest first, each with its last message, what is unread, and how far both sides are.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn conversations(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    ensure!(list(&mut alice, json!({}))?.0.is_empty(), "a new account has conversations");

    let group = carol.make_group("Trip", &[&alice])?;
    alice.join(group)?;
    let mine = alice.send_message(&bob, "hello, Bob")?;
    let his = bob.send_message(&alice, "hello, Alice")?;
    bob.send_message(&alice, "are you there?")?;
    carol.send_to_group(group, "where to?")?;

    let (all, more) = list(&mut alice, json!({}))?;
    ensure!(all.len() == 2 && !more, "{all:?}");
    ensure!(all[0]["group"] == group && all[1]["with"] == bob.id, "the latest first: {all:?}");
    let (trip, with_bob) = (&all[0], &all[1]);
    ensure!(trip["name"] == "Trip" && trip["role"] == "member" && trip["unread"] == 1, "{trip}");
    ensure!(trip["last"]["content"] == "where to?" && trip["last"]["from"] == carol.id, "{trip}");
    ensure!(with_bob["name"] == bob.name && with_bob["unread"] == 2, "{with_bob}");
    ensure!(with_bob["last"]["content"] == "are you there?", "{with_bob}");
    ensure!(with_bob["days"].is_null() && with_bob.get("role").is_none(), "{with_bob}");

    // How far both sides are.
    alice.change(json!({"type": "read", "id": his["id"]}))?;
    bob.acknowledge(1)?;
    bob.change(json!({"type": "read", "id": mine["id"]}))?;
    let line = alice.conversation("with", bob.id)?;
    ensure!(line["unread"] == 1 && line["read"] == his["id"], "{line}");
    ensure!(line["delivered_to"] == mine["id"] && line["read_by"] == mine["id"], "{line}");

    // Page by page.
    let (first, more) = list(&mut alice, json!({"limit": 1}))?;
    ensure!(first.len() == 1 && more, "{first:?}");
    let (rest, more) = list(&mut alice, json!({"before": first[0]["activity"]}))?;
    ensure!(rest.len() == 1 && !more, "{rest:?}");
    let other = |it: &Value| (it["with"].clone(), it["group"].clone());
    ensure!(other(&first[0]) != other(&rest[0]), "{first:?} and again {rest:?}");

    // What has the last word comes first.
    alice.send_message(&bob, "yes")?;
    ensure!(list(&mut alice, json!({}))?.0[0]["last"]["content"] == "yes");
    let delete = json!({"password": bob.password});
    bob.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
    let line = alice.conversation("with", bob.id)?;
    ensure!(line.get("name").is_none() && line["last"]["content"] == "yes", "{line}");
    Ok(())
}

fn list(client: &mut Client, mut ask: Value) -> Result<(Vec<Value>, bool)> {
    ask["type"] = json!("conversations");
    let mut answer = client.query(ask)?;
    let more = answer["more"] == true;
    match answer["conversations"].take() {
        Value::Array(list) => Ok((list, more)),
        other => anyhow::bail!("no list: {other}"),
    }
}
