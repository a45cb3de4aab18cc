//! A log is bounded. Whoever was away for longer is told so, and loses nothing that history holds.

use acceptance::{PATIENCE, until};
use anyhow::{Result, ensure};
use serde_json::json;

use super::letters;
use crate::harness::{Arrangement, Deployment};

const KEPT: i64 = 20;
const LETTERS: i64 = 50;

#[test]
fn beyond_its_bound_a_log_is_rebuilt_from_history() -> Result<()> {
    let flag = format!("--log-events={KEPT}");
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[&flag])?;
        let (mut alice, mut bob) = letters(&deployment.endpoints, LETTERS as usize, 0)?;
        // The log is cut once a minute, and when the server starts.
        deployment.stop()?;
        deployment.start()?;
        let hello = json!({"type": "hello", "token": bob.token, "since": 3});
        let welcome = until("the log to be cut", PATIENCE, || {
            bob.open(&[])?;
            bob.write(&hello)?;
            let welcome = bob.receive_type("welcome")?;
            Ok((welcome["seq"] == LETTERS - KEPT).then_some(welcome))
        })?;
        ensure!(welcome["recovered"] == false && welcome["head"] == LETTERS, "{welcome}");
        for seq in LETTERS - KEPT + 1..=LETTERS {
            let event = bob.receive_next()?;
            ensure!(event["type"] == "message" && event["seq"] == seq, "{seq}: {event}");
        }
        let history = bob.history(json!({"with": alice.id, "limit": 200}))?;
        ensure!(history.len() == LETTERS as usize, "history holds {} letters", history.len());
        ensure!(bob.conversation("with", alice.id)?["unread"] == LETTERS);
        // Who does not ask for more than there is lacks nothing.
        bob.connect_since(LETTERS)?;
        alice.connect_since(LETTERS)?;
        alice.send_message(&bob, "and on")?;
        ensure!(bob.receive_next()?["seq"] == LETTERS + 1);
    }
    Ok(())
}
