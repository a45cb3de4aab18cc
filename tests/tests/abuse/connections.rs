//! An account has 32 connections; one more takes the place of its oldest.

use acceptance::{Client, PATIENCE};
use anyhow::{Result, ensure};

use crate::harness::{Arrangement, Deployment};

const CONNECTIONS_MAX: usize = 32;

#[test]
fn one_connection_too_many_closes_the_oldest() -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let mut alice = Client::signup(&deployment.endpoints, "Alice")?;
        let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
        let mut sockets = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            alice.connect()?;
            sockets.push(alice.take_socket()?);
        }
        bob.send_message(&alice, "to all of you")?;
        let is = |heard: &acceptance::Received, content: &str| match heard {
            acceptance::Received::Json(frame) => (frame["content"] == content).then_some(()),
            _ => None,
        };
        for socket in &mut sockets {
            socket.receive("the message", |heard| is(heard, "to all of you"))?;
        }
        for _ in 0..2 {
            alice.connect()?;
            sockets.push(alice.take_socket()?);
            let code = sockets.remove(0).receive_close(PATIENCE)?;
            ensure!(code == 4409, "the oldest is closed with {code}");
        }
        bob.send_message(&alice, "to the rest")?;
        for socket in &mut sockets {
            socket.receive("the message", |heard| is(heard, "to the rest"))?;
        }
        // Others' are not counted.
        bob.is_answered()?;
        deployment.runs()?;
    }
    Ok(())
}
