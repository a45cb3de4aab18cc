//! Who declines an invitation is not in the group, and nobody is told; who takes it back tells whom it was for.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn invitations_declined(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let group = alice.make_group("Trip", &[&bob])?;
    alice.hear_event("group")?;
    bob.hear_event("group")?;
    let of_group = |kind: &str| json!({"type": kind, "group": group});
    let of_bob = |kind: &str| json!({"type": kind, "group": group, "member": bob.id});
    let (add, remove) = (of_bob("group.add"), of_bob("group.remove"));

    let told = bob.act(of_group("decline"))?;
    ensure!(told["group"] == group && told.get("id").is_none(), "{told}");
    bob.act_in_vain(of_group("decline"))?;
    bob.refused(of_group("accept"), "not_found")?;
    ensure!(is_gone(&mut bob, group)?, "listed still");
    alice.act_in_vain(add.clone())?;
    let heard = alice.is_answered()?;
    ensure!(heard.is_empty(), "told: {heard:?}");
    ensure!(roles(&mut alice, group)? == ["admin", "invited"]);

    alice.act(remove.clone())?;
    ensure!(bob.is_answered()?.is_empty(), "who has declined is told");
    ensure!(roles(&mut alice, group)? == ["admin"]);
    alice.refused(remove.clone(), "not_found")?;
    let invited = alice.act(add)?;
    ensure!(invited["change"] == "invite", "{invited}");
    bob.hear_same(&invited)?;
    let removed = alice.act(remove)?;
    bob.hear_same(&removed)?;
    ensure!(is_gone(&mut bob, group)?, "listed still");
    bob.refused(of_group("accept"), "not_found")?;
    alice.say(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    let told = log.iter().find(|it| it["type"] == "decline");
    ensure!(told.is_some_and(|it| it["group"] == group), "{log:?}");

    // Where nobody is left there is nothing to accept.
    let empty = alice.make_group("Empty", &[&bob])?;
    alice.act(json!({"type": "group.leave", "group": empty}))?;
    bob.refused(json!({"type": "accept", "group": empty}), "not_found")?;
    Ok(())
}

fn is_gone(person: &mut Person, group: i64) -> Result<bool> {
    let list = person.look(json!({"type": "conversations"}))?;
    let lines = list["conversations"].as_array().cloned().unwrap_or_default();
    Ok(lines.iter().all(|line| line["group"] != group))
}

fn roles(person: &mut Person, group: i64) -> Result<Vec<Value>> {
    let show = person.look(json!({"type": "group.show", "group": group}))?;
    let members = show["members"].as_array().cloned().unwrap_or_default();
    Ok(members.into_iter().map(|mut it| it["role"].take()).collect())
}
