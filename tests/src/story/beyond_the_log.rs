//! Who asks for what the log does not have yet is told so, told where it goes on, and misses nothing after that.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn beyond_the_log(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.say(&bob, "one")?;
    bob.hear_message("one")?;
    bob.acknowledge(1)?;
    bob.leave();

    for since in [10, 1000, i64::MAX] {
        bob.open(&[])?;
        bob.write(&json!({"type": "hello", "token": bob.token, "since": since}))?;
        let welcome = bob.hear_type("welcome")?;
        ensure!(welcome["recovered"] == false, "the log has no {since} yet: {welcome}");
        let live = format!("live {since}");
        alice.say(&bob, &live)?;
        let mut seq = welcome["seq"].as_i64();
        loop {
            let event = bob.hear_next()?;
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
    alice.say(&bob, "later")?;
    bob.connect()?;
    ensure!(bob.hear_message("later").is_ok(), "lost after {answer}");
    Ok(())
}
