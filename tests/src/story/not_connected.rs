//! Without accounts a message to nobody is refused, also once somebody has left.

use anyhow::Result;
use serde_json::json;

use crate::{PATIENCE, Person, World, until};

pub fn not_connected(world: &World) -> Result<()> {
    let mut alice = Person::guest(world)?;
    let mut bob = Person::guest(world)?;
    for nobody in [0, -1, 1_000_000_000, i64::MAX] {
        alice.refused(json!({"to": nobody, "content": "anyone?"}), "not_connected")?;
    }
    alice.say(&bob, "still there?")?;
    bob.leave();
    until("the guest to be gone", PATIENCE, || {
        let answer = alice.request(json!({"to": bob.id, "content": "and now?"}))?;
        Ok((answer["code"] == "not_connected").then_some(()))
    })
}
