//! Search finds one's own messages by the beginnings of words, and nobody else's.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn search(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.send_message(&bob, "The train to Rome leaves at nine")?;
    bob.send_message(&alice, "A train, at last: ROME!")?;
    carol.send_message(&bob, "Rome without a train of Alice's")?;
    let group = alice.make_group("Trip", &[&carol])?;
    carol.join(group)?;
    let edited = carol.send_to_group(group, "Romans trained here")?["id"].clone();

    let found = ["The train to Rome leaves at nine", "A train, at last: ROME!", "Romans trained here"];
    for text in ["rome train", "TRAIN rom", "tra ro", "  train,  ro "] {
        let of_alice = alice.search(text)?;
        let expected: &[&str] = if text.contains("rome") { &found[..2] } else { &found };
        ensure!(of_alice == expected, "{text}: {of_alice:?}");
    }
    for nothing in ["ome", "train paris", "rain", "\"", "*", "'; --", "OR", "%"] {
        let of_alice = alice.search(nothing)?;
        ensure!(of_alice.is_empty(), "{nothing}: {of_alice:?}");
    }
    ensure!(carol.search("train")? == ["Rome without a train of Alice's", "Romans trained here"]);

    // What is found is what is there now.
    carol.change(json!({"type": "edit", "id": edited, "content": "Greeks sailed here"}))?;
    ensure!(alice.search("romans")?.is_empty(), "what an edit took away");
    ensure!(alice.search("greek")? == ["Greeks sailed here"]);

    let page = alice.query(json!({"type": "search", "text": "train", "limit": 1}))?;
    let newest = &page["messages"][0];
    ensure!(newest["content"] == found[1] && page["more"] == true, "{page}");
    let before = json!({"type": "search", "text": "train", "before": newest["id"]});
    let page = alice.query(before)?;
    ensure!(page["messages"][0]["content"] == found[0] && page["more"] == false, "{page}");

    // However it is written, and any part where words have no spaces between them.
    let said = "東京都庁に行く, Große Straße, caf\u{e9}";
    bob.send_message(&alice, said)?;
    for text in ["京都", "京", "行く 東京", "STRASSE gross", "CAFE\u{301}", "ｃａｆé"] {
        let of_alice = alice.search(text)?;
        ensure!(of_alice == [said], "{text}: {of_alice:?}");
    }
    ensure!(alice.search("京庁")?.is_empty() && alice.search("cafe")?.is_empty());
    Ok(())
}
