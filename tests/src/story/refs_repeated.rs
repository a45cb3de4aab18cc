//! The same `ref` again, on this connection, a later one or another device, stores nothing and brings the first answer.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn refs_repeated(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let letter = json!({"to": bob.id, "content": "once", "ref": "letter"});
    let ask = |client: &mut Client, frame: &Value| {
        client.write(frame)?;
        client.answer_to("letter")
    };
    let first = ask(&mut alice, &letter)?;
    ensure!(first["type"] == "sent", "{first}");
    ensure!(ask(&mut alice, &letter)? == first, "on the same connection");
    alice.leave();
    alice.connect()?;
    ensure!(ask(&mut alice, &letter)? == first, "on another connection");
    let mut laptop = alice.device("laptop")?;
    laptop.connect()?;
    ensure!(ask(&mut laptop, &letter)? == first, "at another device");

    // Both in one breath: one of them is stored.
    let twin = json!({"to": bob.id, "content": "twin", "ref": "twin"});
    alice.write(&twin)?;
    laptop.write(&twin)?;
    alice.write(&twin)?;
    let answers = [alice.answer_to("twin")?, laptop.answer_to("twin")?, alice.answer_to("twin")?];
    ensure!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");

    // A ref is an account's own: Bob's letter is another.
    let own = ask(&mut bob, &json!({"to": alice.id, "content": "mine", "ref": "letter"}))?;
    ensure!(own["type"] == "sent" && own["id"] != first["id"], "{own}");

    alice.send_message(&bob, "the end")?;
    let log = bob.whole_log("the end")?;
    let contents: Vec<_> = log.iter().filter_map(|event| event["content"].as_str()).collect();
    ensure!(contents == ["once", "twin", "mine", "the end"], "{contents:?}");
    Ok(())
}
