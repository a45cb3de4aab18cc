//! Whoever has a message may react to it, once; another reaction takes the first one's place.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn reactions(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    let mut carol = Person::arrive(world, "Carol")?;
    let id = alice.say(&bob, "good news")?["id"].clone();
    bob.hear_message("good news")?;
    let react = |emoji: Option<&str>| json!({"type": "react", "id": id, "emoji": emoji});

    carol.refused(react(Some("👍")), "not_found")?;
    bob.act_in_vain(react(None))?;
    for text in ["x", "👍👍", "👍 ", ":+1:", "\u{200d}"] {
        bob.refused(react(Some(text)), "bad_request")?;
    }
    for emoji in [Some("👍"), Some("❤️"), Some("❤"), None, Some("👩‍👩‍👧‍👦")] {
        let told = bob.act(react(emoji))?;
        ensure!(told["id"] == id && told["by"] == bob.id && told["emoji"] == json!(emoji), "{told}");
        alice.hear_same(&told)?;
        bob.act_in_vain(react(emoji))?;
    }
    let own = alice.act(react(Some("🎉")))?;
    bob.hear_same(&own)?;

    let page = alice.look(json!({"type": "history", "with": bob.id}))?;
    let mut reactions = page["messages"][1]["reactions"].as_array().cloned().unwrap_or_default();
    reactions.sort_by_key(|it| it["by"].as_i64());
    let expected = [(alice.id, "🎉"), (bob.id, "👩‍👩‍👧‍👦")];
    let expected: Vec<Value> =
        expected.map(|(by, emoji)| json!({"by": by, "emoji": emoji})).into();
    ensure!(reactions == expected, "{page}");
    Ok(())
}
