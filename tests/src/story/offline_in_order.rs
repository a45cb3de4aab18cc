//! What was said to somebody who was away comes when they are back, in order and once.

use anyhow::{Result, ensure};

use crate::{Person, World};

pub fn offline_in_order(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    alice.knows(&mut bob)?;
    bob.acknowledge(1)?;
    bob.leave();
    let said: Vec<String> = (1..=300).map(|n| format!("letter {n}")).collect();
    for content in &said {
        alice.say(&bob, content)?;
    }
    let welcome = bob.connect()?;
    ensure!(welcome["seq"] == 1, "nothing else was acknowledged: {welcome}");
    for (n, content) in said.iter().enumerate() {
        let message = bob.hear_next()?;
        ensure!(message["content"] == *content && message["seq"] == n + 2, "{n}: {message}");
    }
    alice.say(&bob, "and live")?;
    let live = bob.hear_next()?;
    ensure!(live["content"] == "and live" && live["seq"] == said.len() + 2, "{live}");
    Ok(())
}
