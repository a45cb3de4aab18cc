//! Whoever has a message may react to it, once; another reaction takes the first one's place.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn reactions(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    let id = alice.send_message(&bob, "good news")?["id"].clone();
    bob.receive_message("good news")?;
    let react = |emoji: Option<&str>| json!({"type": "react", "id": id, "emoji": emoji});

    carol.refused(react(Some("👍")), "not_found")?;
    bob.change_nothing(react(None))?;
    for text in ["x", "👍👍", "👍 ", ":+1:", "\u{200d}"] {
        bob.refused(react(Some(text)), "bad_request")?;
    }
    for emoji in [Some("👍"), Some("❤️"), Some("❤"), None, Some("👩‍👩‍👧‍👦")] {
        let told = bob.change(react(emoji))?;
        ensure!(told["id"] == id && told["by"] == bob.id && told["emoji"] == json!(emoji), "{told}");
        alice.receive_same(&told)?;
        bob.change_nothing(react(emoji))?;
    }
    let own = alice.change(react(Some("🎉")))?;
    bob.receive_same(&own)?;

    let page = alice.query(json!({"type": "history", "with": bob.id}))?;
    let mut reactions = page["messages"][1]["reactions"].as_array().cloned().unwrap_or_default();
    reactions.sort_by_key(|it| it["by"].as_i64());
    let expected = [(alice.id, "🎉"), (bob.id, "👩‍👩‍👧‍👦")];
    let expected: Vec<Value> =
        expected.map(|(by, emoji)| json!({"by": by, "emoji": emoji})).into();
    ensure!(reactions == expected, "{page}");
    Ok(())
}
