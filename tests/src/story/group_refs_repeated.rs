//! The same `ref` again makes no second group, on whatever connection, and brings the first answer.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints};

pub fn group_refs_repeated(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    alice.become_contacts(&mut bob)?;
    let create =
        json!({"type": "group.create", "name": "Trip", "members": [bob.id], "ref": "the trip"});
    let mut answers = Vec::new();
    for device in ["this", "this again", "another"] {
        match device {
            "this again" => {
                alice.leave();
                alice.connect()?;
            }
            "another" => {
                alice = alice.device("another")?;
                alice.connect_since(1)?;
            }
            _ => {}
        }
        alice.write(&create)?;
        answers.push(alice.answer_to("the trip")?);
    }
    let first = &answers[0];
    ensure!(first["change"] == "create" && first["group"].is_i64(), "{first}");
    ensure!(answers.iter().all(|it| it == first), "{answers:?}");

    alice.send_message(&bob, "one group?")?;
    bob.receive_event("group")?;
    ensure!(bob.receive_next()?["content"] == "one group?", "a second group");
    let list = alice.query(json!({"type": "conversations"}))?;
    ensure!(list["conversations"].as_array().is_some_and(|it| it.len() == 2), "{list}");
    Ok(())
}
