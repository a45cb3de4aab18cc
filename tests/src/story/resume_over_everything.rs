//! Whatever happened meanwhile, a log counts on without a hole, and from wherever it is asked for it says the same.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn resume_over_everything(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    alice.leave();
    let group = bob.make_group("Trip", &[&alice])?;
    let first = bob.send_message(&alice, "first")?;
    let second = bob.send_to_group(group, "second")?;
    let to_bob = json!({"to": bob.id, "content": "mine"});

    alice.connect()?;
    let mine = alice.request(to_bob)?;
    alice.receive_message("second")?;
    alice.change(json!({"type": "read", "id": first["id"]}))?;
    alice.change(json!({"type": "react", "id": second["id"], "emoji": "👍"}))?;
    bob.change(json!({"type": "read", "id": mine["id"]}))?;
    bob.acknowledge(5)?;
    bob.change(json!({"type": "edit", "id": first["id"], "content": "first, edited"}))?;
    bob.change(json!({"type": "delete", "id": second["id"]}))?;
    bob.change(json!({"type": "retention", "group": group, "days": 90}))?;
    bob.change(json!({"type": "group.rename", "group": group, "name": "Rome"}))?;
    alice.change(json!({"type": "block", "id": bob.id}))?;
    alice.change(json!({"type": "unblock", "id": bob.id}))?;
    bob.send_message(&alice, "the end")?;

    let log = alice.whole_log("the end")?;
    let kinds = |kind: &str| log.iter().filter(|it| it["type"] == kind).count();
    let counts = [
        ("group", 2), ("message", 5), ("accept", 1), ("read", 2), ("delivered", 1), ("react", 1), ("edit", 1),
        ("delete", 1), ("retention", 1), ("block", 1), ("unblock", 1),
    ];
    for (kind, count) in counts {
        ensure!(kinds(kind) == count, "{} times {kind}: {log:?}", kinds(kind));
    }
    for since in 0..=log.len() {
        alice.leave();
        alice.connect_since(i64::try_from(since)?)?;
        let rest: Vec<Value> = log[since..].iter().map(|_| alice.receive_next()).collect::<Result<_>>()?;
        ensure!(rest == log[since..], "since {since}: {rest:?}, and before {log:?}");
        ensure!(alice.is_answered()?.is_empty(), "more than the log has, since {since}");
    }
    Ok(())
}
