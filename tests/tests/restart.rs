//! What was answered before a restart is so after it.

use acceptance::Client;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Arrangement, Deployment};

#[test]
fn a_repeated_ref_brings_the_first_answer_after_a_restart() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
        let mut bob = Client::signup(&deployment.endpoints, "Bob")?;
        let letter = json!({"to": bob.id, "content": "once", "ref": "letter"});
        alice.write(&letter)?;
        let first = alice.answer_to("letter")?;
        ensure!(first["type"] == "sent", "{first}");

        deployment.stop()?;
        deployment.start()?;

        // The tokens of before are good, and so is the answer.
        alice.connect()?;
        alice.write(&letter)?;
        let again = alice.answer_to("letter")?;
        ensure!(again == first, "{again} but first {first}");
        alice.send_message(&bob, "the end")?;
        bob.connect()?;
        let log = bob.whole_log("the end")?;
        ensure!(log.len() == 2 && log[0]["content"] == "once", "{log:?}");
    }
    Ok(())
}
