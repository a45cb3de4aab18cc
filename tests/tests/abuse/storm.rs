//! Everybody drops and comes back at once, again and again; some by reset, some in the middle of their handshake.

use std::io::Write;
use std::thread;

use acceptance::{Client, Endpoints, raw};
use anyhow::{Result, anyhow, ensure};

use crate::harness::{Arrangement, Deployment};

const PEOPLE: usize = 20;
const ROUNDS: usize = 15;

#[test]
fn reconnect_storms_hold_nobody_up() -> Result<()> {
    for kind in [Arrangement::Guests, Arrangement::Messenger] {
        let mut deployment = Deployment::launch(&kind, &[])?;
        let endpoints = deployment.endpoints.clone();
        let mut alice = Client::connected(&endpoints, "Alice")?;
        let mut bob = Client::connected(&endpoints, "Bob")?;
        thread::scope(|scope| -> Result<()> {
            let threads: Vec<_> = (0..PEOPLE)
                .map(|n| {
                    scope.spawn({
                        let endpoints = &endpoints;
                        move || storm(endpoints, n)
                    })
                })
                .collect();
            while threads.iter().any(|it| !it.is_finished()) {
                alice.send_message(&bob, "meanwhile")?;
                bob.receive_message("meanwhile")?;
            }
            let join =
                |it: thread::ScopedJoinHandle<'_, _>| it.join().map_err(|_| anyhow!("panic"))?;
            threads.into_iter().try_for_each(join)
        })?;
        endpoints.serves()?;
        deployment.runs()?;
    }
    Ok(())
}

/// One person who keeps coming back, and is welcomed each time.
fn storm(endpoints: &Endpoints, n: usize) -> Result<()> {
    let mut client = Client::connected(endpoints, &format!("Number {n}"))?;
    for round in 0..ROUNDS {
        let half = raw::connect(&endpoints.chat_address(), None)?;
        let head = raw::upgrade(&endpoints.chat_address());
        let _ = (&half).write_all(&head.as_bytes()[..head.len() * round / ROUNDS]);
        raw::reset(half)?;
        raw::reset(client.take_socket()?.stream().try_clone()?)?;
        if endpoints.has_accounts() {
            client.connect()?;
        } else {
            client = Client::guest(endpoints)?;
        }
        ensure!(client.is_answered().is_ok(), "round {round}");
    }
    Ok(())
}
