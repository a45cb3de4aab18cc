//! A message to a group is one message, in every member's log in the same order, and in nobody else's.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn group_messages(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut laptop = alice.device("laptop")?;
    laptop.connect()?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let mut dave = Client::connected(endpoints, "Dave")?;
    for other in [&mut bob, &mut carol, &mut dave] {
        alice.become_contacts(other)?;
    }
    let group = alice.make_group("Trip", &[&bob, &carol, &dave])?;

    let sent = alice.send_to_group(group, "hello, all")?;
    let heard = bob.receive_message("hello, all")?;
    let is_same = heard["id"] == sent["id"] && heard["at"] == sent["at"];
    ensure!(is_same && heard["from"] == alice.id && heard["group"] == group, "{heard}");
    ensure!(heard.get("to").is_none() && heard["seq"] == 3, "{heard}");
    let own = laptop.receive_message("hello, all")?;
    ensure!(own["seq"] == sent["seq"] && own["id"] == sent["id"], "{own} but {sent}");

    for n in 0..20 {
        let speaker = if n % 2 == 0 { &mut bob } else { &mut carol };
        speaker.send_to_group(group, &format!("{n}"))?;
    }
    alice.send_to_group(group, "the end")?;
    let ids = |client: &Client| -> Result<Vec<Value>> {
        let log = client.whole_log("the end")?;
        let messages = log.into_iter().filter(|it| it["type"] == "message" && it["group"] == group);
        Ok(messages.map(|mut it| it["id"].take()).collect())
    };
    let everybody = [ids(&alice)?, ids(&bob)?, ids(&carol)?, ids(&dave)?];
    ensure!(everybody[0].len() == 22, "{} messages", everybody[0].len());
    ensure!(everybody.iter().all(|it| *it == everybody[0]), "in another order: {everybody:?}");

    let mut erin = Client::connected(endpoints, "Erin")?;
    erin.refused(json!({"group": group, "content": "me too"}), "not_found")?;
    erin.send_message(&bob, "hello")?;
    ensure!(bob.receive_message("hello")?["from"] == erin.id);
    let log = erin.whole_log("hello")?;
    ensure!(log.len() == 1, "a stranger's log has {log:?}");
    Ok(())
}
