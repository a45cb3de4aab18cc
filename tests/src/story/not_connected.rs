//! Without accounts a message to nobody is refused, also once somebody has left.

use anyhow::Result;
use serde_json::json;

use crate::{PATIENCE, Client, Endpoints, until};

pub fn not_connected(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::guest(endpoints)?;
    let mut bob = Client::guest(endpoints)?;
    for nobody in [0, -1, 1_000_000_000, i64::MAX] {
        alice.refused(json!({"to": nobody, "content": "anyone?"}), "not_connected")?;
    }
    alice.send_message(&bob, "still there?")?;
    bob.leave();
    until("the guest to be gone", PATIENCE, || {
        let answer = alice.request(json!({"to": bob.id, "content": "and now?"}))?;
        Ok((answer["code"] == "not_connected").then_some(()))
    })
}
