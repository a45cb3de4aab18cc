//! A message to a group is one message, in every member's log in the same order, and in nobody else's.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn group_messages(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut laptop = alice.device("laptop")?;
    laptop.connect()?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    let mut dave = Person::arrive(world, "Dave")?;
    for other in [&mut bob, &mut carol, &mut dave] {
        alice.knows(other)?;
    }
    let group = alice.make_group("Trip", &[&bob, &carol, &dave])?;

    let sent = alice.tell(group, "hello, all")?;
    let heard = bob.hear_message("hello, all")?;
    let is_same = heard["id"] == sent["id"] && heard["at"] == sent["at"];
    ensure!(is_same && heard["from"] == alice.id && heard["group"] == group, "{heard}");
    ensure!(heard.get("to").is_none() && heard["seq"] == 3, "{heard}");
    let own = laptop.hear_message("hello, all")?;
    ensure!(own["seq"] == sent["seq"] && own["id"] == sent["id"], "{own} but {sent}");

    for n in 0..20 {
        let speaker = if n % 2 == 0 { &mut bob } else { &mut carol };
        speaker.tell(group, &format!("{n}"))?;
    }
    alice.tell(group, "the end")?;
    let ids = |person: &Person| -> Result<Vec<Value>> {
        let log = person.whole_log("the end")?;
        let messages = log.into_iter().filter(|it| it["type"] == "message" && it["group"] == group);
        Ok(messages.map(|mut it| it["id"].take()).collect())
    };
    let everybody = [ids(&alice)?, ids(&bob)?, ids(&carol)?, ids(&dave)?];
    ensure!(everybody[0].len() == 22, "{} messages", everybody[0].len());
    ensure!(everybody.iter().all(|it| *it == everybody[0]), "in another order: {everybody:?}");

    let mut erin = Person::arrive(world, "Erin")?;
    erin.refused(json!({"group": group, "content": "me too"}), "not_found")?;
    erin.say(&bob, "hello")?;
    ensure!(bob.hear_message("hello")?["from"] == erin.id);
    let log = erin.whole_log("hello")?;
    ensure!(log.len() == 1, "a stranger's log has {log:?}");
    Ok(())
}
