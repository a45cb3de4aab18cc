//! Who declines an invitation is not in the group, and nobody is told; who takes it back tells whom it was for.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn invitations_declined(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.receive_event("group")?;
    bob.receive_event("group")?;
    let of_group = |kind: &str| json!({"type": kind, "group": group});
    let of_bob = |kind: &str| json!({"type": kind, "group": group, "member": bob.id});
    let (add, remove) = (of_bob("group.add"), of_bob("group.remove"));

    let told = bob.change(of_group("decline"))?;
    ensure!(told["group"] == group && told.get("id").is_none(), "{told}");
    bob.change_nothing(of_group("decline"))?;
    bob.refused(of_group("accept"), "not_found")?;
    ensure!(is_gone(&mut bob, group)?, "listed still");
    alice.change_nothing(add.clone())?;
    let heard = alice.is_answered()?;
    ensure!(heard.is_empty(), "told: {heard:?}");
    ensure!(roles(&mut alice, group)? == ["admin", "invited"]);

    alice.change(remove.clone())?;
    ensure!(bob.is_answered()?.is_empty(), "who has declined is told");
    ensure!(roles(&mut alice, group)? == ["admin"]);
    alice.refused(remove.clone(), "not_found")?;
    let invited = alice.change(add)?;
    ensure!(invited["change"] == "invite", "{invited}");
    bob.receive_same(&invited)?;
    let removed = alice.change(remove)?;
    bob.receive_same(&removed)?;
    ensure!(is_gone(&mut bob, group)?, "listed still");
    bob.refused(of_group("accept"), "not_found")?;
    alice.send_message(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    let told = log.iter().find(|it| it["type"] == "decline");
    ensure!(told.is_some_and(|it| it["group"] == group), "{log:?}");

    // Where nobody is left there is nothing to accept.
    let empty = alice.make_group("Empty", &[&bob])?;
    alice.change(json!({"type": "group.leave", "group": empty}))?;
    bob.refused(json!({"type": "accept", "group": empty}), "not_found")?;
    Ok(())
}

fn is_gone(client: &mut Client, group: i64) -> Result<bool> {
    let list = client.query(json!({"type": "conversations"}))?;
    let lines = list["conversations"].as_array().cloned().unwrap_or_default();
    Ok(lines.iter().all(|line| line["group"] != group))
}

fn roles(client: &mut Client, group: i64) -> Result<Vec<Value>> {
    let show = client.query(json!({"type": "group.show", "group": group}))?;
    let members = show["members"].as_array().cloned().unwrap_or_default();
    Ok(members.into_iter().map(|mut it| it["role"].take()).collect())
}
