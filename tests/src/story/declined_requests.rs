//! A declined request is gone from sight, and who asked cannot tell it from one that waits or is blocked.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn declined_requests(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    bob.refused(json!({"type": "decline", "id": alice.id}), "not_found")?;
    bob.refused(json!({"type": "accept", "id": alice.id}), "not_found")?;
    carol.act(json!({"type": "block", "id": alice.id}))?;
    alice.say(&bob, "lemon")?;
    bob.hear_message("lemon")?;
    alice.refused(json!({"type": "accept", "id": bob.id}), "not_found")?;
    let declined = bob.act(json!({"type": "decline", "id": alice.id}))?;
    ensure!(declined["id"] == alice.id, "{declined}");
    ensure!(bob.conversation("with", alice.id).is_err(), "it is listed still");
    ensure!(bob.search("lemon")?.is_empty(), "it is found still");

    alice.say(&carol, "lemon")?;
    let mut answers = Vec::new();
    for to in [bob.id, carol.id] {
        let mut all: Vec<Value> = Vec::new();
        for _ in 0..5 {
            let answer = alice.request(json!({"to": to, "content": "tea"}))?;
            all.push(answer.get("code").unwrap_or(&answer["type"]).clone());
        }
        answers.push(all);
    }
    ensure!(answers[0] == ["sent", "sent", "sent", "sent", "not_accepted"], "{answers:?}");
    ensure!(answers[0] == answers[1], "blocked differs from declined: {answers:?}");
    for other in [&mut bob, &mut carol] {
        let heard = other.is_answered()?;
        ensure!(heard.is_empty(), "it arrived: {heard:?}");
    }
    ensure!(alice.is_answered()?.is_empty(), "she is told");

    // Until he writes himself.
    bob.say(&alice, "well, hello")?;
    let heard = alice.hear_message("well, hello")?;
    ensure!(heard.get("request").is_none(), "an answer is no request: {heard}");
    alice.say(&bob, "hello, Bob")?;
    bob.hear_message("hello, Bob")?;
    let texts = bob.history(json!({"with": alice.id}))?;
    ensure!(texts == ["lemon", "well, hello", "hello, Bob"], "{texts:?}");
    ensure!(bob.search("lemon")? == ["lemon"], "it is not found again");
    Ok(())
}
