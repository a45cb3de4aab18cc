//! Nothing can be said to a deleted account, and its own last words are known as a deleted account's.

use anyhow::Result;
use serde_json::json;

use crate::{Person, World};

pub fn deleted_receivers(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let bob = Person::signup(world, "Bob")?;
    alice.say(&bob, "before")?;
    let delete = json!({"password": bob.password});
    bob.ask("DELETE", "/me")?.json(&delete).send()?.expect(204)?;
    alice.refused(json!({"to": bob.id, "content": "after"}), "not_found")?;
    alice.say(&Person::signup(world, "Carol")?, "to others as ever")?;
    Ok(())
}
