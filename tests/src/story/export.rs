//! An account gets all that is kept about it, and nothing about others that they did not send it.

use anyhow::{Result, ensure};

use crate::{Person, World};

pub fn export(world: &World) -> Result<()> {
    let mut alice = Person::arrive(world, "Alice")?;
    let mut bob = Person::arrive(world, "Bob")?;
    let carol = Person::signup(world, "Carol")?;
    alice.say(&bob, "exported from Alice")?;
    bob.say(&alice, "exported from Bob")?;
    bob.say(&carol, "not for Alice")?;

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
    world.ask("GET", "/export")?.send()?.refused(401)?;
    Ok(())
}
