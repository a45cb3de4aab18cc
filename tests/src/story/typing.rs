//! Typing is seen by who knows who types, or is in the group, at once or not at all, and never stored.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints, PATIENCE, Received, until};

/// For typing to be heard, where nothing is in the way.
const SOON: Duration = Duration::from_millis(500);

pub fn typing(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let from = alice.id;
    let is_typing = |heard: &Value, expected: Value| {
        let fits = heard["from"] == from && heard["to"] == expected["to"];
        ensure!(fits && heard["group"] == expected["group"], "{expected}: {heard}");
        ensure!(heard.get("seq").is_none() && heard.get("ref").is_none(), "{heard}");
        Ok(())
    };

    // To strangers nothing comes, and who types cannot tell.
    for to in [bob.id, 1_000_000_000, -1] {
        typed(&mut alice, json!({"to": to}))?;
    }
    ensure!(bob.is_answered()?.is_empty(), "a stranger's typing");
    alice.become_contacts(&mut bob)?;

    let mut laptop = bob.device("laptop")?;
    laptop.connect_since(1)?;
    types_until_heard(&mut alice, &json!({"to": bob.id}), &mut [&mut bob, &mut laptop])?;
    typed(&mut alice, json!({"to": bob.id}))?;
    is_typing(&bob.receive_event("typing")?, json!({"to": bob.id}))?;
    is_typing(&laptop.receive_event("typing")?, json!({"to": bob.id}))?;

    alice.become_contacts(&mut carol)?;
    types_until_heard(&mut alice, &json!({"to": carol.id}), &mut [&mut carol])?;
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    typed(&mut alice, json!({"group": group}))?;
    for client in [&mut bob, &mut carol] {
        client.receive_event("group")?;
        is_typing(&client.receive_event("typing")?, json!({"group": group}))?;
    }
    alice.send_to_group(group, "there")?;
    let next = carol.receive_next()?;
    ensure!(next["content"] == "there" && next["seq"] == 3, "typing was stored: {next}");
    ensure!(alice.is_answered()?.is_empty(), "an echo");
    Ok(())
}

/// Types until all of them have heard it: of a connection that is new on another node, the typist's node hears a moment later.
fn types_until_heard(
    typist: &mut Client,
    to: &Value,
    listeners: &mut [&mut Client],
) -> Result<()> {
    let hears = |listener: &mut Client| {
        let heard = listener.socket()?.receive_within("typing", SOON, |heard| match heard {
            Received::Json(frame) if frame["type"] == "typing" => Some(()),
            _ => None,
        });
        anyhow::Ok(heard.is_ok())
    };
    until("typing to be heard by all", PATIENCE, || {
        typed(typist, to.clone())?;
        let mut is_heard = true;
        for listener in &mut *listeners {
            is_heard &= hears(listener)?;
        }
        Ok(is_heard.then_some(()))
    })?;
    // Some may have heard it twice.
    listeners.iter_mut().try_for_each(|listener| listener.is_answered().map(drop))
}

fn typed(client: &mut Client, mut to: Value) -> Result<()> {
    to["type"] = json!("typing");
    client.change_nothing(to)
}
