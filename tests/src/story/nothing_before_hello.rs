//! Before it has said who it is, a client gets nothing done.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn nothing_before_hello(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::signup(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;

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
    let mut carol = Client::connected(endpoints, "Carol")?;
    carol.send_message(&bob, "from Carol")?;
    ensure!(bob.receive_next()?["content"] == "from Carol", "something came through");
    Ok(())
}
