//! Every change of a group is an event in each member's log, the same for all; who joins sees what comes after.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn group_changes(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    alice.become_contacts(&mut carol)?;
    let create = json!({"type": "group.create", "name": "Trip", "members": [bob.id]});
    let made = alice.change(create)?;
    let is_made = made["change"] == "create" && made["by"] == alice.id && made["name"] == "Trip";
    ensure!(is_made && made["seq"] == 5 && made["at"].is_i64(), "{made}");
    bob.receive_same(&made)?;
    alice.send_to_group(made["group"].as_i64().unwrap_or_default(), "before Carol")?;
    bob.receive_message("before Carol")?;

    let change = |change: &str, key: &str, value: Value| {
        let kind = format!("group.{change}");
        json!({"type": kind, "group": made["group"], key: value})
    };
    let mut told = |frame: Value| {
        let wanted = frame["type"].as_str().unwrap_or_default().replace("group.", "");
        let event = alice.change(frame.clone())?;
        ensure!(event["change"] == *wanted && event["by"] == alice.id, "{frame}: {event}");
        ensure!(event["group"] == made["group"] && event["member"] == frame["member"], "{event}");
        alice.change_nothing(frame)?;
        Ok(event)
    };
    let event = told(change("add", "member", json!(carol.id)))?;
    bob.receive_same(&event)?;
    carol.receive_same(&event)?;
    for (what, key, value) in [
        ("promote", "member", json!(bob.id)),
        ("demote", "member", json!(bob.id)),
        ("rename", "name", json!("Trip to Rome")),
    ] {
        let event = told(change(what, key, value))?;
        bob.receive_same(&event)?;
        carol.receive_same(&event)?;
    }
    ensure!(carol.history(json!({"group": made["group"]}))?.is_empty(), "what came before her");

    let show = bob.query(json!({"type": "group.show", "group": made["group"]}))?;
    let member = |it: &Value| (it["id"].clone(), it["name"].clone(), it["role"].clone());
    let members: Vec<_> = show["members"].as_array().into_iter().flatten().map(member).collect();
    let line = |it: &Client, role: &str| (json!(it.id), json!(it.name), json!(role));
    let expected = [line(&alice, "admin"), line(&bob, "member"), line(&carol, "member")];
    ensure!(members == expected && show["name"] == "Trip to Rome", "{show}");

    let removed = alice.change(change("remove", "member", json!(carol.id)))?;
    ensure!(removed["change"] == "remove" && removed["member"] == carol.id, "{removed}");
    bob.receive_same(&removed)?;
    carol.receive_same(&removed)?;
    let left = bob.change(json!({"type": "group.leave", "group": made["group"]}))?;
    ensure!(left["change"] == "leave" && left["by"] == bob.id, "{left}");
    alice.receive_same(&left)?;
    Ok(())
}
