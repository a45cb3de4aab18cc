//! Who knows somebody sees whether they are there, at once and whenever it changes; of strangers nothing is to be seen.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{Person, World};

pub fn presence(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let mut carol = Person::arrive(world, "Carol")?;
    alice.knows(&mut bob)?;
    // Who has only asked is a stranger still.
    alice.say(&carol, "hello")?;
    let is = |heard: &Value, id: i64, online: bool, knows_when: bool| {
        let fits = heard["id"] == id && heard["online"] == online;
        let is_known = heard.get("last_seen").is_some_and(Value::is_i64);
        ensure!(fits && is_known == knows_when, "{id}, online: {online}: {heard}");
        ensure!(heard.get("seq").is_none(), "{heard}");
        Ok(())
    };

    let nobody = 1_000_000_000;
    alice.act_in_vain(json!({"type": "presence", "ids": [bob.id, carol.id, nobody]}))?;
    is(&alice.hear_event("presence")?, bob.id, true, false)?;
    is(&alice.hear_event("presence")?, carol.id, false, false)?;
    is(&alice.hear_event("presence")?, nobody, false, false)?;

    // He is gone when his last device is.
    let mut laptop = bob.device("laptop")?;
    laptop.connect()?;
    bob.leave();
    laptop.is_answered()?;
    laptop.leave();
    is(&alice.hear_event("presence")?, bob.id, false, true)?;
    bob.connect()?;
    is(&alice.hear_event("presence")?, bob.id, true, false)?;
    carol.leave();
    carol.connect()?;

    // The next wish replaces this one.
    alice.act_in_vain(json!({"type": "presence", "ids": []}))?;
    bob.leave();
    carol.say(&alice, "what a quiet day")?;
    ensure!(alice.hear_next()?["content"] == "what a quiet day", "presence that nobody wished for");
    alice.act_in_vain(json!({"type": "presence", "ids": [bob.id, bob.id]}))?;
    // At once, unless the server has yet to notice that he is gone.
    is(&alice.hear("Bob gone", |it| it["online"] == false)?, bob.id, false, true)?;
    Ok(())
}
