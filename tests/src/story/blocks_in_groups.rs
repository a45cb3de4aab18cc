//! In a group the blocked one's words reach everybody but who blocked them; the group's own changes reach all.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn blocks_in_groups(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    let group = bob.make_group("Trip", &[&alice, &carol])?;
    alice.hear_event("group")?;
    alice.act(json!({"type": "block", "id": bob.id}))?;

    let unheard = bob.tell(group, "from Bob")?;
    carol.hear_message("from Bob")?;
    bob.act(json!({"type": "edit", "id": unheard["id"], "content": "from Bob, edited"}))?;
    let hers = carol.tell(group, "from Carol")?;
    let next = alice.hear_next()?;
    ensure!(next["content"] == "from Carol" && next["seq"] == 3, "{next}");
    bob.act(json!({"type": "react", "id": hers["id"], "emoji": "👍"}))?;
    let renamed = bob.act(json!({"type": "group.rename", "group": group, "name": "Rome"}))?;
    alice.hear_same(&renamed)?;

    for frame in [
        json!({"type": "react", "id": unheard["id"], "emoji": "👍"}),
        json!({"type": "read", "id": unheard["id"]}),
        json!({"group": group, "content": "what?", "reply_to": unheard["id"]}),
    ] {
        alice.refused(frame, "not_found")?;
    }
    ensure!(alice.history(json!({"group": group}))? == ["from Carol"]);
    let line = alice.conversation("group", group)?;
    ensure!(line["unread"] == 1 && line["last"]["id"] == hers["id"], "{line}");

    // She is in the group as ever; only his receipts lack hers.
    let from_alice = alice.tell(group, "from Alice")?;
    ensure!(bob.hear_message("from Alice")?["id"] == from_alice["id"]);
    alice.acknowledge(4)?;
    let receipt = carol.hear("her receipt", |it| it["type"] == "delivered")?;
    ensure!(receipt["id"] == hers["id"] && receipt["by"] == alice.id, "{receipt}");
    carol.tell(group, "the end")?;
    let log = bob.whole_log("the end")?;
    ensure!(!log.iter().any(|it| it["type"] == "delivered" && it["by"] == alice.id), "{log:?}");
    Ok(())
}
