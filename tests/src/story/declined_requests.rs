//! A declined request is gone from sight, and who asked cannot tell it from one that waits or is blocked.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn declined_requests(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    bob.refused(json!({"type": "decline", "id": alice.id}), "not_found")?;
    bob.refused(json!({"type": "accept", "id": alice.id}), "not_found")?;
    carol.change(json!({"type": "block", "id": alice.id}))?;
    alice.send_message(&bob, "lemon")?;
    bob.receive_message("lemon")?;
    alice.refused(json!({"type": "accept", "id": bob.id}), "not_found")?;
    let declined = bob.change(json!({"type": "decline", "id": alice.id}))?;
    ensure!(declined["id"] == alice.id, "{declined}");
    ensure!(bob.conversation("with", alice.id).is_err(), "it is listed still");
    ensure!(bob.search("lemon")?.is_empty(), "it is found still");

    alice.send_message(&carol, "lemon")?;
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
    bob.send_message(&alice, "well, hello")?;
    let heard = alice.receive_message("well, hello")?;
    ensure!(heard.get("request").is_none(), "an answer is no request: {heard}");
    alice.send_message(&bob, "hello, Bob")?;
    bob.receive_message("hello, Bob")?;
    let texts = bob.history(json!({"with": alice.id}))?;
    ensure!(texts == ["lemon", "well, hello", "hello, Bob"], "{texts:?}");
    ensure!(bob.search("lemon")? == ["lemon"], "it is not found again");
    Ok(())
}
