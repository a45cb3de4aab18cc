//! `kill -9`, eight times, under traffic.

use anyhow::{Context, Result};

use super::Traffic;
use crate::drive::{House, Kind};

const KILLS: usize = 8;

#[test]
fn messenger_on_sqlite_is_killed_eight_times() -> Result<()> {
    killed(&Kind::Messenger)
}

#[test]
fn chat_on_postgresql_is_killed_eight_times() -> Result<()> {
    killed(&Kind::postgres()?)
}

/// Every message whose `sent` was seen is in its receiver's log exactly once, unchanged, in a log without a hole.
fn killed(kind: &Kind) -> Result<()> {
    let mut house = House::open(kind, &[])?;
    let traffic = Traffic::start(&house.world)?;
    for n in 1..=KILLS {
        // Never at the same point.
        traffic.wait_for_sent(400 + 61 * n as u64).with_context(|| format!("before kill {n}"))?;
        house.kill_first_and_restart()?;
    }
    traffic.wait_for_sent(200)?;
    traffic.settle()
}
