//! What the server does not understand gets an error, and the connection goes on.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::{Client, Endpoints};

pub fn bad_frames(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;

    let extra = json!({"to": bob.id, "content": "extra", "colour": "red", "deep": [{"a": null}]});
    ensure!(alice.request(extra)?["type"] == "sent", "an unknown key was not ignored");
    bob.receive_message("extra")?;

    let nested = "[".repeat(30_000);
    let texts = ["", "{", "null", "[]", "7", "\"ping\"", "pong", "PING", "{\"to\":1,}", &nested];
    for text in texts {
        alice.socket()?.text(text)?;
        is_error(&alice.receive_next()?, "bad_request", text)?;
    }
    alice.socket()?.send(Message::binary(&b"{\"type\":\"ping\"}"[..]))?;
    is_error(&alice.receive_next()?, "bad_request", "a binary frame")?;

    alice.socket()?.text(r#"{"to":2,"content":"cut inside an emoji: \ud83d","ref":"cut"}"#)?;
    let refused = alice.receive_next()?;
    is_error(&refused, "bad_request", "half of a character")?;
    ensure!(refused["ref"] == "cut", "its sender cannot know it as refused: {refused}");

    alice.refused(json!({"type": "no.such.type"}), "unknown_type")?;
    alice.refused(json!({"type": ""}), "unknown_type")?;
    for frame in malformed(bob.id) {
        alice.refused(frame, "bad_request")?;
    }

    alice.send_message(&bob, "after all that")?;
    ensure!(bob.receive_next()?["content"] == "after all that", "something bad arrived");
    Ok(())
}

fn malformed(to: i64) -> Vec<Value> {
    vec![
        json!({}),
        json!({"to": to}),
        json!({"content": "to whom?"}),
        json!({"to": to.to_string(), "content": "x"}),
        json!({"to": [to], "content": "x"}),
        json!({"to": null, "content": "x"}),
        json!({"to": 1.5, "content": "x"}),
        json!({"to": 1e300, "content": "x"}),
        json!({"to": to, "content": 7}),
        json!({"to": to, "content": null}),
        json!({"to": to, "content": ["x"]}),
        json!({"to": to, "content": "x", "from": "me"}),
        json!({"to": to, "content": "x", "type": 7}),
        json!({"type": "received"}),
        json!({"type": "received", "seq": -1}),
        json!({"type": "received", "seq": "1"}),
    ]
}

fn is_error(frame: &Value, code: &str, after: &str) -> Result<()> {
    let fits = frame["type"] == "error" && frame["code"] == code && frame["message"].is_string();
    ensure!(fits, "after {after:.40}: expected {code}, got {frame}");
    Ok(())
}
