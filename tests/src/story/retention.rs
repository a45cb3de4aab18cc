//! For how long a conversation keeps its messages is said by either side, in a group by an admin, and known to all.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn retention(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;

    for days in [json!(1), json!(7), json!(90), Value::Null, json!(7)] {
        let told = alice.change(json!({"type": "retention", "with": bob.id, "days": days}))?;
        let fits = told["by"] == alice.id && told["with"] == bob.id && told["days"] == days;
        ensure!(fits && told["at"].is_i64(), "{told}");
        let heard = bob.receive_event("retention")?;
        let fits = heard["by"] == alice.id && heard["with"] == alice.id && heard["days"] == days;
        ensure!(fits && heard["at"] == told["at"], "{heard}");
        alice.change_nothing(json!({"type": "retention", "with": bob.id, "days": days}))?;
        for (client, other) in [(&mut alice, bob.id), (&mut bob, told["by"].as_i64().unwrap_or(0))] {
            ensure!(client.conversation("with", other)?["days"] == days);
        }
    }
    bob.change(json!({"type": "retention", "with": alice.id, "days": null}))?;
    ensure!(alice.receive_event("retention")?["with"] == bob.id);
    alice.refused(json!({"type": "retention", "with": 1_000_000_000, "days": 1}), "not_found")?;

    let group = alice.make_group("Trip", &[&bob])?;
    bob.receive_event("group")?;
    bob.refused(json!({"type": "retention", "group": group, "days": 1}), "forbidden")?;
    let told = alice.change(json!({"type": "retention", "group": group, "days": 1}))?;
    ensure!(told["group"] == group && told.get("with").is_none(), "{told}");
    bob.receive_same(&told)?;
    ensure!(bob.query(json!({"type": "group.show", "group": group}))?["days"] == 1);
    ensure!(bob.history(json!({"with": alice.id}))? == ["hello"], "too early to disappear");
    Ok(())
}
