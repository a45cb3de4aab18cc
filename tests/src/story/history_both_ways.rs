//! A page of history lies before, after or around a message.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn history_both_ways(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    // They know each other.
    bob.send_message(&alice, "0")?;
    for n in 1..=9 {
        alice.send_message(&bob, &n.to_string())?;
    }
    let whole = page(&mut alice, &bob, &json!({}))?;
    let ids: Vec<i64> =
        whole["messages"].as_array().context("no messages")?.iter().filter_map(|it| it["id"].as_i64()).collect();
    ensure!(ids.len() == 10, "{whole}");

    for (asked, contents, more, more_after) in [
        (json!({"after": 0, "limit": 4}), "0123", true, None),
        (json!({"after": ids[3], "limit": 3}), "456", true, None),
        (json!({"after": ids[6], "limit": 3}), "789", false, None),
        (json!({"after": ids[9]}), "", false, None),
        (json!({"before": ids[3], "limit": 3}), "012", false, None),
        (json!({"around": ids[5], "limit": 4}), "4567", true, Some(true)),
        (json!({"around": ids[5], "limit": 5}), "34567", true, Some(true)),
        (json!({"around": ids[5], "limit": 1}), "5", true, Some(true)),
        (json!({"around": ids[0], "limit": 4}), "012", false, Some(true)),
        (json!({"around": ids[9], "limit": 4}), "89", true, Some(false)),
        (json!({"around": ids[5]}), "0123456789", false, Some(false)),
    ] {
        let answer = page(&mut alice, &bob, &asked)?;
        let messages = answer["messages"].as_array().context("no messages")?;
        let said: String = messages.iter().filter_map(|it| it["content"].as_str()).collect();
        ensure!(said == contents && answer["more"] == more, "{asked}: {answer}");
        ensure!(answer.get("more_after").and_then(Value::as_bool) == more_after, "{asked}: {answer}");
    }

    let both = json!({"type": "history", "with": bob.id, "before": ids[3], "after": ids[1], "ref": "h"});
    alice.write(&both)?;
    let refused = alice.receive_type("error")?;
    ensure!(refused["code"] == "bad_request" && refused["ref"] == "h", "{refused}");

    // A page around a message is no longer than others, however long the messages are.
    let long = "x".repeat(16 * 1024);
    for _ in 0..40 {
        alice.send_message(&bob, &long)?;
    }
    let newest = page(&mut alice, &bob, &json!({"limit": 20}))?;
    let middle = &newest["messages"][0]["id"];
    let answer = page(&mut alice, &bob, &json!({"around": middle, "limit": 200}))?;
    let messages = answer["messages"].as_array().context("no messages")?;
    ensure!((10..=20).contains(&messages.len()), "{} messages", messages.len());
    ensure!(messages.iter().any(|it| it["id"] == *middle), "the message itself is not there");
    ensure!(answer["more"] == true && answer["more_after"] == true, "there are more on both sides");
    Ok(())
}

fn page(client: &mut Client, with: &Client, keys: &Value) -> Result<Value> {
    let mut asked = json!({"type": "history", "with": with.id});
    let keys = keys.as_object().context("no keys")?.clone();
    asked.as_object_mut().context("no frame")?.extend(keys);
    client.query(asked)
}
