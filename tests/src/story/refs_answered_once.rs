//! A frame with a `ref` is answered exactly once, with that `ref`; one without is not echoed at all.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn refs_answered_once(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let longest = "r".repeat(64);
    let wide = "€".repeat(21);
    let good = ["1", " ", "c-42", "\"\\\n", &wide, &longest];
    for reference in good {
        let frames = [
            (json!({"type": "ping"}), "pong"),
            (json!({"to": bob.id, "content": "hello"}), "sent"),
            (json!({"to": bob.id, "content": ""}), "error"),
            (json!({"type": "no.such.type"}), "error"),
        ];
        for (n, (mut frame, kind)) in frames.into_iter().enumerate() {
            // A ref names one message of an account for good: each of these is another frame's.
            let own = if n == 0 { reference.to_owned() } else { shorter(reference, n) };
            frame["ref"] = json!(own);
            alice.write(&frame)?;
            let answer = alice.receive_next()?;
            ensure!(answer["ref"] == *own && answer["type"] == kind, "{frame}: {answer}");
        }
    }
    ensure!(alice.is_answered()?.is_empty(), "something was answered twice");

    for reference in [json!(""), json!("r".repeat(65)), json!("€".repeat(22)), json!(7), json!([])] {
        alice.write(&json!({"to": bob.id, "content": "hello", "ref": reference}))?;
        let answer = alice.receive_next()?;
        let is_refused = answer["type"] == "error" && answer["code"] == "bad_request";
        ensure!(is_refused, "ref {reference}: {answer}");
        ensure!(answer.get("ref").is_none_or(Value::is_null), "an echo of {reference}: {answer}");
    }

    alice.write(&json!({"to": bob.id, "content": "no answer, please"}))?;
    ensure!(alice.is_answered()?.is_empty(), "an answer to a frame without a ref");
    Ok(())
}

/// Another ref of the same kind.
fn shorter(reference: &str, n: usize) -> String {
    let mut kept: Vec<char> = reference.chars().collect();
    kept.truncate(20);
    format!("{n}{}", kept.into_iter().collect::<String>())
}
