//! What was answered before a restart is so after it.

use acceptance::Person;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{House, Kind};

#[test]
fn a_repeated_ref_brings_the_first_answer_after_a_restart() -> Result<()> {
    for kind in [Kind::Messenger, Kind::postgres()?] {
        let mut house = House::open(&kind, &[])?;
        let mut alice = Person::arrive(&house.world, "Alice")?;
        let mut bob = Person::signup(&house.world, "Bob")?;
        let letter = json!({"to": bob.id, "content": "once", "ref": "letter"});
        alice.write(&letter)?;
        let first = alice.answer_to("letter")?;
        ensure!(first["type"] == "sent", "{first}");

        house.stop()?;
        house.start()?;

        // The tokens of before are good, and so is the answer.
        alice.connect()?;
        alice.write(&letter)?;
        let again = alice.answer_to("letter")?;
        ensure!(again == first, "{again} but first {first}");
        alice.say(&bob, "the end")?;
        bob.connect()?;
        let log = bob.whole_log("the end")?;
        ensure!(log.len() == 2 && log[0]["content"] == "once", "{log:?}");
    }
    Ok(())
}
