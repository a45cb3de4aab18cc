//! An account has 32 connections; one more takes the place of its oldest.

use acceptance::{PATIENCE, Person};
use anyhow::{Result, ensure};

use crate::drive::{House, Kind};

const CONNECTIONS_MAX: usize = 32;

#[test]
fn one_connection_too_many_closes_the_oldest() -> Result<()> {
    for kind in [Kind::Messenger, Kind::postgres()?] {
        let mut house = House::open(&kind, &[])?;
        let mut alice = Person::signup(&house.world, "Alice")?;
        let mut bob = Person::arrive(&house.world, "Bob")?;
        let mut sockets = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            alice.connect()?;
            sockets.push(alice.take_socket()?);
        }
        bob.say(&alice, "to all of you")?;
        let is = |heard: &acceptance::Heard, content: &str| match heard {
            acceptance::Heard::Json(frame) => (frame["content"] == content).then_some(()),
            _ => None,
        };
        for socket in &mut sockets {
            socket.hear("the message", |heard| is(heard, "to all of you"))?;
        }
        for _ in 0..2 {
            alice.connect()?;
            sockets.push(alice.take_socket()?);
            let code = sockets.remove(0).hear_close(PATIENCE)?;
            ensure!(code == 4409, "the oldest is closed with {code}");
        }
        bob.say(&alice, "to the rest")?;
        for socket in &mut sockets {
            socket.hear("the message", |heard| is(heard, "to the rest"))?;
        }
        // Others' are not counted.
        bob.is_answered()?;
        house.runs()?;
    }
    Ok(())
}
