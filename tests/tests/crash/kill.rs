//! `kill -9`, eight times, under traffic.

use anyhow::{Context, Result};

use super::Traffic;
use crate::harness::{Arrangement, Deployment};

const KILLS: usize = 8;

#[test]
fn messenger_on_sqlite_is_killed_eight_times() -> Result<()> {
    killed(&Arrangement::Messenger)
}

#[test]
fn chat_on_postgresql_is_killed_eight_times() -> Result<()> {
    killed(&Arrangement::postgres()?)
}

/// Every message whose `sent` was seen is in its receiver's log exactly once, unchanged, in a log without a hole.
fn killed(kind: &Arrangement) -> Result<()> {
    let mut deployment = Deployment::launch(kind, &[])?;
    let traffic = Traffic::start(&deployment.endpoints)?;
    for n in 1..=KILLS {
        // Never at the same point.
        traffic.wait_for_sent(400 + 61 * n as u64).with_context(|| format!("before kill {n}"))?;
        deployment.kill_first_and_restart()?;
    }
    traffic.wait_for_sent(200)?;
    traffic.settle()
}
