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

    // To strangers nothing comes, and who types cannot tell.
    for to in [bob.id, 1_000_000_000, -1] {
        typed(&mut alice, json!({"to": to}))?;
    }
    ensure!(bob.is_answered()?.is_empty(), "a stranger's typing");
    alice.become_contacts(&mut bob)?;

    let mut laptop = bob.device("laptop")?;
    laptop.connect_since(1)?;
    is_heard(&mut alice, &json!({"to": bob.id}), &mut [&mut bob, &mut laptop])?;

    alice.become_contacts(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    for client in [&mut bob, &mut carol] {
        client.receive_event("group")?;
    }
    is_heard(&mut alice, &json!({"group": group}), &mut [&mut bob, &mut carol])?;
    alice.send_to_group(group, "there")?;
    let next = carol.receive_event("message")?;
    ensure!(next["content"] == "there" && next["seq"] == 3, "typing was stored: {next}");
    ensure!(alice.is_answered()?.is_empty(), "an echo");
    Ok(())
}

/// Types until all of them have heard it: a node hears a moment later of a connection that is new on another one.
fn is_heard(typist: &mut Client, to: &Value, listeners: &mut [&mut Client]) -> Result<()> {
    let from = typist.id;
    let hears = |listener: &mut Client| {
        let heard = listener.socket()?.receive_within("typing", SOON, |heard| match heard {
            Received::Json(frame) if frame["type"] == "typing" => Some(frame.clone()),
            _ => None,
        });
        let Ok(heard) = heard else { return Ok(false) };
        let fits = heard["from"] == from && heard["to"] == to["to"];
        ensure!(fits && heard["group"] == to["group"], "{to}: {heard}");
        ensure!(heard.get("seq").is_none() && heard.get("ref").is_none(), "{heard}");
        Ok(true)
    };
    let mut missing: Vec<_> = listeners.iter_mut().collect();
    until("typing to be heard by all", PATIENCE, || {
        typed(typist, to.clone())?;
        let mut left = Vec::new();
        for listener in missing.drain(..) {
            if !hears(listener)? {
                left.push(listener);
            }
        }
        missing = left;
        Ok(missing.is_empty().then_some(()))
    })?;
    // Some may have heard it twice.
    listeners.iter_mut().try_for_each(|listener| listener.is_answered().map(drop))
}

fn typed(client: &mut Client, mut to: Value) -> Result<()> {
    to["type"] = json!("typing");
    client.change_nothing(to)
}
