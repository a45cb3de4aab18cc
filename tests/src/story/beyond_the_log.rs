//! Who asks for what the log does not have yet is told so, told where it goes on, and misses nothing after that.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn beyond_the_log(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.send_message(&bob, "one")?;
    bob.receive_message("one")?;
    bob.acknowledge(1)?;
    bob.leave();

    for since in [10, 1000, i64::MAX] {
        bob.open(&[])?;
        bob.write(&json!({"type": "hello", "token": bob.token, "since": since}))?;
        let welcome = bob.receive_type("welcome")?;
        ensure!(welcome["recovered"] == false, "the log has no {since} yet: {welcome}");
        let live = format!("live {since}");
        alice.send_message(&bob, &live)?;
        let mut seq = welcome["seq"].as_i64();
        loop {
            let event = bob.receive_next()?;
            seq = seq.map(|seq| seq + 1);
            ensure!(event["seq"].as_i64() == seq, "a hole after {welcome}: {event}");
            if event["content"] == *live {
                break;
            }
        }
        bob.leave();
    }

    // Nobody has acknowledged what was not there yet.
    bob.connect_since(0)?;
    let answer = bob.request(json!({"type": "received", "seq": 1_000_000}))?;
    bob.leave();
    alice.send_message(&bob, "later")?;
    bob.connect()?;
    ensure!(bob.receive_message("later").is_ok(), "lost after {answer}");
    Ok(())
}
