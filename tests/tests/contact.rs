//! Where everybody knows everybody nobody asks; and who has come together so stays together.

use acceptance::Person;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{House, Kind};

#[test]
fn whoever_is_open_to_everybody_is_asked_by_nobody() -> Result<()> {
    for kind in [Kind::Pair, Kind::postgres()?] {
        let house = House::open(&kind, &["--contact=open"])?;
        let mut alice = Person::arrive(&house.world, "Alice")?;
        let mut bob = Person::arrive(&house.world, "Bob")?;
        let name = alice.ask("GET", &format!("/users/{}", bob.id))?.send()?.expect(200)?;
        ensure!(name.body["name"] == bob.name, "{}", name.body);
        alice.act_in_vain(json!({"type": "presence", "ids": [bob.id]}))?;
        ensure!(alice.hear_event("presence")?["online"] == true);
        for n in 0..9 {
            alice.say(&bob, &format!("{n}"))?;
            let heard = bob.hear_message(&format!("{n}"))?;
            ensure!(heard.get("request").is_none(), "a request: {heard}");
        }
        bob.acknowledge(9)?;
        alice.hear_event("delivered")?;
        bob.act_in_vain(json!({"type": "accept", "id": alice.id}))?;
        bob.refused(json!({"type": "decline", "id": alice.id}), "forbidden")?;
    }
    Ok(())
}
