//! Every change of a group is an event in each member's log, the same for all; who joins sees what comes after.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn group_changes(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    alice.knows(&mut bob)?;
    alice.knows(&mut carol)?;
    let create = json!({"type": "group.create", "name": "Trip", "members": [bob.id]});
    let made = alice.act(create)?;
    let is_made = made["change"] == "create" && made["by"] == alice.id && made["name"] == "Trip";
    ensure!(is_made && made["seq"] == 5 && made["at"].is_i64(), "{made}");
    bob.hear_same(&made)?;
    alice.tell(made["group"].as_i64().unwrap_or_default(), "before Carol")?;
    bob.hear_message("before Carol")?;

    let change = |change: &str, key: &str, value: Value| {
        let kind = format!("group.{change}");
        json!({"type": kind, "group": made["group"], key: value})
    };
    let mut told = |frame: Value| {
        let wanted = frame["type"].as_str().unwrap_or_default().replace("group.", "");
        let event = alice.act(frame.clone())?;
        ensure!(event["change"] == *wanted && event["by"] == alice.id, "{frame}: {event}");
        ensure!(event["group"] == made["group"] && event["member"] == frame["member"], "{event}");
        alice.act_in_vain(frame)?;
        Ok(event)
    };
    let event = told(change("add", "member", json!(carol.id)))?;
    bob.hear_same(&event)?;
    carol.hear_same(&event)?;
    for (what, key, value) in [
        ("promote", "member", json!(bob.id)),
        ("demote", "member", json!(bob.id)),
        ("rename", "name", json!("Trip to Rome")),
    ] {
        let event = told(change(what, key, value))?;
        bob.hear_same(&event)?;
        carol.hear_same(&event)?;
    }
    ensure!(carol.history(json!({"group": made["group"]}))?.is_empty(), "what came before her");

    let show = bob.look(json!({"type": "group.show", "group": made["group"]}))?;
    let member = |it: &Value| (it["id"].clone(), it["name"].clone(), it["role"].clone());
    let members: Vec<_> = show["members"].as_array().into_iter().flatten().map(member).collect();
    let line = |it: &Person, role: &str| (json!(it.id), json!(it.name), json!(role));
    let expected = [line(&alice, "admin"), line(&bob, "member"), line(&carol, "member")];
    ensure!(members == expected && show["name"] == "Trip to Rome", "{show}");

    let removed = alice.act(change("remove", "member", json!(carol.id)))?;
    ensure!(removed["change"] == "remove" && removed["member"] == carol.id, "{removed}");
    bob.hear_same(&removed)?;
    carol.hear_same(&removed)?;
    let left = bob.act(json!({"type": "group.leave", "group": made["group"]}))?;
    ensure!(left["change"] == "leave" && left["by"] == bob.id, "{left}");
    alice.hear_same(&left)?;
    Ok(())
}
