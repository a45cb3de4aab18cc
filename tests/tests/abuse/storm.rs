//! Everybody drops and comes back at once, again and again; some by reset, some in the middle of their handshake.

use std::io::Write;
use std::thread;

use acceptance::{Person, World, raw};
use anyhow::{Result, anyhow, ensure};

use crate::drive::{House, Kind};

const PEOPLE: usize = 20;
const ROUNDS: usize = 15;

#[test]
fn reconnect_storms_hold_nobody_up() -> Result<()> {
    for kind in [Kind::Guests, Kind::Messenger] {
        let mut house = House::open(&kind, &[])?;
        let world = house.world.clone();
        let mut alice = Person::arrive(&world, "Alice")?;
        let mut bob = Person::arrive(&world, "Bob")?;
        thread::scope(|scope| -> Result<()> {
            let threads: Vec<_> = (0..PEOPLE)
                .map(|n| {
                    scope.spawn({
                        let world = &world;
                        move || storm(world, n)
                    })
                })
                .collect();
            while threads.iter().any(|it| !it.is_finished()) {
                alice.say(&bob, "meanwhile")?;
                bob.hear_message("meanwhile")?;
            }
            let join =
                |it: thread::ScopedJoinHandle<'_, _>| it.join().map_err(|_| anyhow!("panic"))?;
            threads.into_iter().try_for_each(join)
        })?;
        world.serves()?;
        house.runs()?;
    }
    Ok(())
}

/// One person who keeps coming back, and is welcomed each time.
fn storm(world: &World, n: usize) -> Result<()> {
    let mut person = Person::arrive(world, &format!("Number {n}"))?;
    for round in 0..ROUNDS {
        let half = raw::connect(&world.chat_address(), None)?;
        let head = raw::upgrade(&world.chat_address());
        let _ = (&half).write_all(&head.as_bytes()[..head.len() * round / ROUNDS]);
        raw::reset(half)?;
        raw::reset(person.take_socket()?.stream().try_clone()?)?;
        if world.has_accounts() {
            person.connect()?;
        } else {
            person = Person::guest(world)?;
        }
        ensure!(person.is_answered().is_ok(), "round {round}");
    }
    Ok(())
}
