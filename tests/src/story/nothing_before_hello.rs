//! Before it has said who it is, a client gets nothing done.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Person, World};

pub fn nothing_before_hello(world: &World) -> Result<()> {
    let mut alice = Person::signup(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;

    let frames = [
        json!({"to": bob.id, "content": "from nobody"}),
        json!({"from": alice.id, "to": bob.id, "content": "from nobody"}),
        json!({"type": "received", "seq": 1}),
    ];
    for frame in frames {
        alice.open(&[])?;
        let answer = alice.request(frame.clone())?;
        let is_refused = answer["type"] == "error" && answer["code"] == "unauthorized";
        ensure!(is_refused, "{frame}: {answer}");
    }
    let mut carol = Person::arrive(world, "Carol")?;
    carol.say(&bob, "from Carol")?;
    ensure!(bob.hear_next()?["content"] == "from Carol", "something came through");
    Ok(())
}
