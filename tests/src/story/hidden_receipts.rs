//! Who hides what it has read tells nobody, and is not told what others have read.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

/// Sets what the account shows of itself, and returns how `GET /me` has it.
pub(super) fn show(client: &Client, body: &Value) -> Result<Value> {
    let said = client.ask("PATCH", "/me")?.json(body).send()?.expect(200)?.body;
    let me = client.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me == said, "{said}, and then {me}");
    Ok(json!([me["last_seen"], me["read_receipts"]]))
}

pub fn hidden_receipts(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    alice.become_contacts(&mut carol)?;
    let me = bob.ask("GET", "/me")?.send()?.expect(200)?.body;
    ensure!(me["last_seen"] == true && me["read_receipts"] == true, "{me}");
    ensure!(show(&bob, &json!({"read_receipts": false}))? == json!([true, false]), "not set");
    for wrong in [json!("no"), json!(null), json!(0)] {
        let body = json!({"read_receipts": wrong});
        bob.ask("PATCH", "/me")?.json(&body).send()?.refused(400)?;
    }

    // He reads, and she is told only that it has arrived.
    let id = alice.send_message(&bob, "read me")?["id"].clone();
    let heard = bob.receive_message("read me")?;
    bob.acknowledge(heard["seq"].as_i64().unwrap_or_default())?;
    alice.receive_event("delivered")?;
    let mut laptop = bob.device("laptop")?;
    laptop.connect()?;
    laptop.is_answered()?;
    let told = bob.change(json!({"type": "read", "id": id}))?;
    laptop.receive_same(&told)?;
    ensure!(bob.conversation("with", alice.id)?["unread"] == 0, "unread to him");
    ensure!(alice.conversation("with", bob.id)?["delivered_to"] == id, "not delivered");
    ensure!(alice.conversation("with", bob.id)?["read_by"] != id, "seen in the list");

    // She reads, and he is not told.
    let his = bob.send_message(&alice, "and me")?["id"].clone();
    alice.receive_message("and me")?;
    alice.change(json!({"type": "read", "id": his}))?;
    ensure!(bob.conversation("with", alice.id)?["read_by"] == 0, "seen in the list");
    let heard = [alice.is_answered()?, bob.is_answered()?].concat();
    let is_read = |it: &Value| it["type"] == "read";
    ensure!(!heard.iter().any(is_read), "told: {heard:?}");

    // In a group nobody is told of him, nor that all have read.
    let trip = alice.make_group("Trip", &[&bob, &carol])?;
    bob.receive_type("group")?;
    carol.receive_type("group")?;
    let id = alice.send_to_group(trip, "to all")?["id"].clone();
    for reader in [&mut bob, &mut carol] {
        reader.receive_message("to all")?;
        reader.change(json!({"type": "read", "id": id}))?;
    }
    let told = alice.receive_type("read")?;
    ensure!(told["by"] == carol.id && told.get("all").is_none(), "{told}");
    let shown = |group: &Value, of: i64| {
        let members = group["members"].as_array().cloned().unwrap_or_default();
        members.iter().find(|it| it["id"] == of).map(|it| it["read"].clone())
    };
    let group = alice.query(json!({"type": "group.show", "group": trip}))?;
    ensure!(shown(&group, carol.id) == Some(id.clone()), "{group}");
    ensure!(shown(&group, bob.id) != Some(id.clone()), "{group}");
    let group = bob.query(json!({"type": "group.show", "group": trip}))?;
    ensure!(shown(&group, bob.id) == Some(id.clone()), "{group}");
    ensure!(shown(&group, carol.id) == Some(json!(0)), "{group}");

    // Once he shows it again, the next that he reads is told, and covers what was before.
    ensure!(show(&bob, &json!({"read_receipts": true}))? == json!([true, true]), "not set");
    ensure!(alice.conversation("with", bob.id)?["read_by"] != id, "told without his reading");
    let next = alice.send_message(&bob, "and now")?["id"].clone();
    bob.receive_message("and now")?;
    bob.change(json!({"type": "read", "id": next}))?;
    let told = alice.receive_type("read")?;
    ensure!(told["id"] == next && told["by"] == bob.id, "{told}");
    ensure!(alice.conversation("with", bob.id)?["read_by"] == next, "not in the list");
    Ok(())
}
