//! What somebody sets for a conversation is known at all of its devices, and nowhere else.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn conversation_settings(endpoints: &Endpoints) -> Result<()> {
    let mut phone = Client::connected(endpoints, "Alice")?;
    let mut laptop = phone.device("laptop")?;
    laptop.connect()?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    phone.send_message(&bob, "hello")?;
    laptop.receive_message("hello")?;
    bob.receive_message("hello")?;
    let his = bob.send_message(&phone, "hello to you")?["id"].clone();
    phone.receive_message("hello to you")?;
    laptop.receive_message("hello to you")?;
    let with = bob.id;

    let told = phone.change(json!({"type": "conversation.set", "with": with, "pinned": true}))?;
    let all = json!([null, true, false, false]);
    let said = json!([told["muted_until"], told["pinned"], told["archived"], told["unread"]]);
    ensure!(told["with"] == with && said == all, "{told}");
    laptop.receive_same(&told)?;
    let until = 4_102_444_800_000_i64;
    phone.change(json!({"type": "conversation.set", "with": with, "muted_until": until}))?;
    let told = laptop.receive_event("conversation.set")?;
    ensure!(told["muted_until"] == until && told["pinned"] == true, "{told}");
    let again = json!({"type": "conversation.set", "with": with, "muted_until": until});
    laptop.change_nothing(again)?;
    laptop.change(json!({"type": "conversation.set", "with": with, "archived": true,
        "muted_until": null}))?;
    phone.receive_event("conversation.set")?;
    let line = laptop.conversation("with", with)?;
    ensure!(line["pinned"] == true && line["archived"] == true, "{line}");
    ensure!(line["muted_until"].is_null() && line["marked_unread"] == false, "{line}");

    // Marked as unread although it is read; reading it takes the mark away, on every device.
    phone.change(json!({"type": "read", "id": his}))?;
    laptop.receive_event("read")?;
    bob.receive_event("read")?;
    phone.change(json!({"type": "conversation.set", "with": with, "unread": true}))?;
    let told = laptop.receive_event("conversation.set")?;
    ensure!(told["unread"] == true, "{told}");
    let line = phone.conversation("with", with)?;
    ensure!(line["marked_unread"] == true && line["unread"] == 0, "{line}");
    laptop.change(json!({"type": "read", "id": his}))?;
    let told = phone.receive_event("read")?;
    ensure!(told["id"] == his && told["by"] == phone.id, "{told}");
    ensure!(phone.conversation("with", with)?["marked_unread"] == false, "marked still");

    // A device that was away is shown what is set now.
    laptop.leave();
    phone.change(json!({"type": "conversation.set", "with": with, "pinned": false}))?;
    let group = phone.make_group("Trip", &[])?;
    let told = phone.change(json!({"type": "conversation.set", "group": group, "unread": true}))?;
    ensure!(told["group"] == group && told.get("with").is_none(), "{told}");
    laptop.connect_since(told["seq"].as_i64().unwrap_or_default() - 3)?;
    let missed = laptop.receive_event("conversation.set")?;
    ensure!(missed["pinned"] == false && missed["archived"] == true, "{missed}");
    laptop.receive_event("group")?;
    laptop.receive_same(&told)?;

    for (frame, code) in [
        (json!({"type": "conversation.set", "with": 1_000_000_000, "pinned": true}), "not_found"),
        (json!({"type": "conversation.set", "group": 1_000_000_000, "pinned": true}), "not_found"),
        (json!({"type": "conversation.set", "with": phone.id, "pinned": true}), "not_found"),
        (json!({"type": "conversation.set", "with": with}), "bad_request"),
        (json!({"type": "conversation.set", "pinned": true}), "bad_request"),
        (json!({"type": "conversation.set", "with": with, "pinned": "yes"}), "bad_request"),
        (json!({"type": "conversation.set", "with": with, "muted_until": -1}), "bad_request"),
    ] {
        phone.refused(frame, code)?;
    }
    bob.refused(json!({"type": "conversation.set", "group": group, "unread": true}), "not_found")?;
    let heard = bob.is_answered()?;
    ensure!(heard.is_empty(), "told to somebody else: {heard:?}");
    let line = bob.conversation("with", phone.id)?;
    ensure!(line["pinned"] == false && line["archived"] == false, "{line}");
    Ok(())
}
