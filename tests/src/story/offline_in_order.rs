//! What was said to somebody who was away comes when they are back, in order and once.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

pub fn offline_in_order(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    bob.acknowledge(1)?;
    bob.leave();
    let said: Vec<String> = (1..=300).map(|n| format!("letter {n}")).collect();
    for content in &said {
        alice.send_message(&bob, content)?;
    }
    let welcome = bob.connect()?;
    ensure!(welcome["seq"] == 1, "nothing else was acknowledged: {welcome}");
    for (n, content) in said.iter().enumerate() {
        let message = bob.receive_next()?;
        ensure!(message["content"] == *content && message["seq"] == n + 2, "{n}: {message}");
    }
    alice.send_message(&bob, "and live")?;
    let live = bob.receive_next()?;
    ensure!(live["content"] == "and live" && live["seq"] == said.len() + 2, "{live}");
    Ok(())
}
