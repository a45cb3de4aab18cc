//! What somebody deletes for itself or clears is gone at its own devices, and for nobody else.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn hidden_messages(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    laptop.connect()?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    phone.send_message(&bob, "hello")?;
    laptop.receive_message("hello")?;
    bob.receive_message("hello")?;
    let texts = ["zebra one", "zebra two", "zebra three"];
    let ids = said(&mut bob, &phone, &texts)?;
    for text in texts {
        laptop.receive_message(text)?;
        phone.receive_message(text)?;
    }
    let with_bob = json!({"with": bob.id});

    // One message, sent by somebody else.
    let delete = json!({"type": "delete", "id": ids[2], "for": "me"});
    let told = phone.change(delete.clone())?;
    ensure!(told["id"] == ids[2] && told["for"] == "me", "{told}");
    laptop.receive_same(&told)?;
    laptop.change_nothing(delete.clone())?;
    ensure!(phone.history(with_bob.clone())? == ["hello", "zebra one", "zebra two"]);
    ensure!(laptop.search("zebra")?.len() == 2);
    let line = laptop.conversation("with", bob.id)?;
    ensure!(line["last"]["content"] == "zebra two" && line["unread"] == 2, "{line}");
    for frame in [
        json!({"type": "read", "id": ids[2]}),
        json!({"type": "react", "id": ids[2], "emoji": "👍"}),
        json!({"to": bob.id, "content": "re", "reply_to": ids[2]}),
    ] {
        phone.refused(frame, "not_found")?;
    }
    // He changes it, and she hears nothing of that; her receipts go on.
    bob.change(json!({"type": "edit", "id": ids[2], "content": "zebra no more"}))?;
    phone.acknowledge(9)?;
    ensure!(bob.receive_event("delivered")?["id"] == ids[2], "no receipt");
    ensure!(phone.is_answered()?.is_empty() && laptop.is_answered()?.is_empty(), "told");

    carol.refused(delete, "not_found")?;
    carol.refused(json!({"type": "delete", "id": 1_000_000_000, "for": "me"}), "not_found")?;
    bob.refused(json!({"type": "delete", "id": ids[0], "for": "all"}), "bad_request")?;

    // All of it.
    let told = laptop.change(json!({"type": "conversation.clear", "with": bob.id}))?;
    ensure!(told["with"] == bob.id, "{told}");
    phone.receive_same(&told)?;
    laptop.change_nothing(json!({"type": "conversation.clear", "with": bob.id}))?;
    ensure!(phone.history(with_bob.clone())?.is_empty() && phone.search("zebra")?.is_empty());
    ensure!(phone.conversation("with", bob.id).is_err(), "an empty conversation is listed");
    ensure!(bob.history(json!({"with": phone.id}))?.len() == 4, "gone for him");
    bob.send_message(&phone, "zebra again")?;
    phone.receive_message("zebra again")?;
    ensure!(phone.history(with_bob)? == ["zebra again"]);
    ensure!(phone.conversation("with", bob.id)?["unread"] == 1);

    // A device that comes late is shown nothing of it.
    let log = phone.whole_log("zebra again")?;
    let kinds: Vec<_> = log.iter().map(|event| event["type"].clone()).collect();
    ensure!(kinds[..4].iter().all(|kind| kind == "expired"), "{log:?}");
    ensure!(kinds[4..] == ["delete", "conversation.clear", "message"], "{log:?}");

    for frame in [
        json!({"type": "conversation.clear", "with": carol.id}),
        json!({"type": "conversation.clear", "with": 1_000_000_000}),
        json!({"type": "conversation.clear", "group": 1_000_000_000}),
    ] {
        phone.refused(frame, "not_found")?;
    }
    phone.refused(json!({"type": "conversation.clear"}), "bad_request")?;
    in_a_group(&mut phone, &mut bob)
}

/// A group stays in the list of who has cleared it, until it leaves.
fn in_a_group(alice: &mut Client, bob: &mut Client) -> Result<()> {
    let group = bob.make_group("Trip", &[alice])?;
    bob.send_to_group(group, "zebra in a group")?;
    alice.receive_message("zebra in a group")?;
    alice.change(json!({"type": "conversation.clear", "group": group}))?;
    let line = alice.conversation("group", group)?;
    ensure!(line.get("last").is_none() && line["unread"] == 0, "{line}");
    ensure!(alice.query(json!({"type": "group.show", "group": group}))?["name"] == "Trip");
    alice.change(json!({"type": "group.leave", "group": group}))?;
    alice.change(json!({"type": "conversation.clear", "group": group}))?;
    ensure!(alice.conversation("group", group).is_err(), "a cleared group that she has left");
    ensure!(bob.history(json!({"group": group}))? == ["zebra in a group"]);
    Ok(())
}

fn said(by: &mut Client, to: &Client, texts: &[&str]) -> Result<Vec<Value>> {
    texts.iter().map(|text| Ok(by.send_message(to, text)?["id"].clone())).collect()
}
