//! Who knows somebody sees whether they are there, at once and whenever it changes; of strangers nothing is to be seen.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Client, Endpoints};

pub fn presence(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    // Who has only asked is a stranger still.
    alice.send_message(&carol, "hello")?;
    let is = |heard: &Value, id: i64, online: bool, knows_when: bool| {
        let fits = heard["id"] == id && heard["online"] == online;
        let is_known = heard.get("last_seen").is_some_and(Value::is_i64);
        ensure!(fits && is_known == knows_when, "{id}, online: {online}: {heard}");
        ensure!(heard.get("seq").is_none(), "{heard}");
        Ok(())
    };

    let nobody = 1_000_000_000;
    alice.watch_online(bob.id)?;
    alice.change_nothing(json!({"type": "presence", "ids": [bob.id, carol.id, nobody]}))?;
    is(&alice.receive_event("presence")?, bob.id, true, false)?;
    is(&alice.receive_event("presence")?, carol.id, false, false)?;
    is(&alice.receive_event("presence")?, nobody, false, false)?;

    // He is gone when his last device is.
    let mut laptop = bob.device("laptop")?;
    laptop.connect()?;
    bob.leave();
    laptop.is_answered()?;
    laptop.leave();
    is(&alice.receive_event("presence")?, bob.id, false, true)?;
    bob.connect()?;
    is(&alice.receive_event("presence")?, bob.id, true, false)?;
    carol.leave();
    carol.connect()?;

    // The next wish replaces this one.
    alice.change_nothing(json!({"type": "presence", "ids": []}))?;
    bob.leave();
    carol.send_message(&alice, "what a quiet day")?;
    ensure!(alice.receive_next()?["content"] == "what a quiet day", "presence that nobody wished for");
    alice.change_nothing(json!({"type": "presence", "ids": [bob.id, bob.id]}))?;
    // At once, unless the server has yet to notice that he is gone.
    is(&alice.receive("Bob gone", |it| it["online"] == false)?, bob.id, false, true)?;
    Ok(())
}
