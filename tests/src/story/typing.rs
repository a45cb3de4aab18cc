//! Typing is seen by who knows who types, or is in the group, at once or not at all, and never stored.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn typing(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
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
    alice.knows(&mut bob)?;

    let mut laptop = bob.device("laptop")?;
    laptop.connect_since(1)?;
    typed(&mut alice, json!({"to": bob.id}))?;
    is_typing(&bob.hear_event("typing")?, json!({"to": bob.id}))?;
    is_typing(&laptop.hear_event("typing")?, json!({"to": bob.id}))?;

    alice.knows(&mut carol)?;
    let group = alice.make_group("Trip", &[&bob, &carol])?;
    typed(&mut alice, json!({"group": group}))?;
    for person in [&mut bob, &mut carol] {
        person.hear_event("group")?;
        is_typing(&person.hear_event("typing")?, json!({"group": group}))?;
    }
    alice.tell(group, "there")?;
    let next = carol.hear_next()?;
    ensure!(next["content"] == "there" && next["seq"] == 3, "typing was stored: {next}");
    ensure!(alice.is_answered()?.is_empty(), "an echo");
    Ok(())
}

fn typed(person: &mut Person, mut to: Value) -> Result<()> {
    to["type"] = json!("typing");
    person.act_in_vain(to)
}
