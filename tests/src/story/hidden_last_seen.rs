//! Who hides when it was last connected is seen to be there or not, and no more; and sees no more of others.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::hidden_receipts::show;
use crate::{Client, Endpoints, PATIENCE, until};

pub fn hidden_last_seen(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    alice.watch_online(bob.id)?;
    bob.leave();
    let gone = alice.receive("Bob gone", |it| it["online"] == false)?;
    ensure!(gone["last_seen"].is_i64(), "{gone}");

    // He hides it: it is gone for who asks, and soon for who watches.
    ensure!(show(&bob, &json!({"last_seen": false}))? == json!([false, true]), "not set");
    ensure!(watch(&mut alice, bob.id)?.get("last_seen").is_none(), "told when he was there");
    changes_are_told(&mut alice, &mut bob, false)?;

    // He does not see hers either, however he asks.
    bob.connect()?;
    alice.leave();
    until("she is gone", PATIENCE, || {
        let heard = watch(&mut bob, alice.id)?;
        ensure!(heard.get("last_seen").is_none(), "{heard}");
        Ok((heard["online"] == false).then_some(()))
    })?;
    alice.connect()?;

    // Shown again, it is as before; then she hides hers and does not see his.
    ensure!(show(&bob, &json!({"last_seen": true}))? == json!([true, true]), "not set");
    bob.watch_online(alice.id)?;
    alice.watch_online(bob.id)?;
    bob.leave();
    alice.receive("Bob gone", |it| it["online"] == false)?;
    changes_are_told(&mut alice, &mut bob, true)?;
    ensure!(show(&alice, &json!({"last_seen": false}))? == json!([false, true]), "not set");
    ensure!(watch(&mut alice, bob.id)?.get("last_seen").is_none(), "told when he was there");
    changes_are_told(&mut alice, &mut bob, false)
}

/// The answer to a request for the presence of one account.
fn watch(client: &mut Client, id: i64) -> Result<Value> {
    // Not what it was told before.
    client.is_answered()?;
    client.change_nothing(json!({"type": "presence", "ids": [id]}))?;
    client.receive("presence", |it| it["type"] == "presence" && it["id"] == id)
}

/// He comes and goes until she, who watches, is told so with a time, or without one. She was told last that he is gone.
/// He stays until she is told that he is there: of two changes in one interval she would be told neither.
fn changes_are_told(alice: &mut Client, bob: &mut Client, with_time: bool) -> Result<()> {
    until("a change to be told as it is set", PATIENCE, || {
        bob.connect()?;
        alice.receive("Bob there", |it| it["online"] == true)?;
        bob.leave();
        let gone = alice.receive("Bob gone", |it| it["online"] == false)?;
        Ok((gone.get("last_seen").is_some() == with_time).then_some(()))
    })
}
