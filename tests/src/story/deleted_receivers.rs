//! Nothing can be said to a deleted account, and its own last words are known as a deleted account's.

use anyhow::Result;
use serde_json::json;

use crate::{Client, Endpoints};

pub fn deleted_receivers(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let bob = Client::signup(endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;
    let delete = json!({"password": bob.password});
    bob.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
    alice.refused(json!({"to": bob.id, "content": "after"}), "not_found")?;
    alice.send_message(&Client::signup(endpoints, "Carol")?, "to others as ever")?;
    Ok(())
}
