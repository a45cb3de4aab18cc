//! An account gets all that is kept about it, and nothing about others that they did not send it.

use anyhow::{Result, ensure};

use crate::{Client, Endpoints};

pub fn export(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let carol = Client::signup(endpoints, "Carol")?;
    alice.send_message(&bob, "exported from Alice")?;
    bob.send_message(&alice, "exported from Bob")?;
    bob.send_message(&carol, "not for Alice")?;

    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    ensure!(export.body.is_object(), "not one document");
    let own = ["exported from Alice", "exported from Bob", &alice.email, "first device"];
    for kept in own {
        ensure!(export.text.contains(kept), "{kept:?} is missing from the export");
    }
    let secret = ["not for Alice", &bob.email, &carol.email, "$argon2", &alice.token];
    for other in secret {
        ensure!(!export.text.contains(other), "{other:?} is in the export");
    }
    endpoints.ask("GET", "/export")?.send()?.refused(401)?;
    Ok(())
}
