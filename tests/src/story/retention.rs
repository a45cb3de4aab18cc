//! For how long a conversation keeps its messages is said by either side, in a group by an admin, and known to all.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn retention(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;

    for days in [json!(1), json!(7), json!(90), Value::Null, json!(7)] {
        let told = alice.act(json!({"type": "retention", "with": bob.id, "days": days}))?;
        let fits = told["by"] == alice.id && told["with"] == bob.id && told["days"] == days;
        ensure!(fits && told["at"].is_i64(), "{told}");
        let heard = bob.hear_event("retention")?;
        let fits = heard["by"] == alice.id && heard["with"] == alice.id && heard["days"] == days;
        ensure!(fits && heard["at"] == told["at"], "{heard}");
        alice.act_in_vain(json!({"type": "retention", "with": bob.id, "days": days}))?;
        for (person, other) in [(&mut alice, bob.id), (&mut bob, told["by"].as_i64().unwrap_or(0))] {
            ensure!(person.conversation("with", other)?["days"] == days);
        }
    }
    bob.act(json!({"type": "retention", "with": alice.id, "days": null}))?;
    ensure!(alice.hear_event("retention")?["with"] == bob.id);
    alice.refused(json!({"type": "retention", "with": 1_000_000_000, "days": 1}), "not_found")?;

    let group = alice.make_group("Trip", &[&bob])?;
    bob.hear_event("group")?;
    bob.refused(json!({"type": "retention", "group": group, "days": 1}), "forbidden")?;
    let told = alice.act(json!({"type": "retention", "group": group, "days": 1}))?;
    ensure!(told["group"] == group && told.get("with").is_none(), "{told}");
    bob.hear_same(&told)?;
    ensure!(bob.look(json!({"type": "group.show", "group": group}))?["days"] == 1);
    ensure!(bob.history(json!({"with": alice.id}))? == ["hello"], "too early to disappear");
    Ok(())
}
