//! Power cuts: a virtual machine is killed, together with its disk, in the middle of everything. What was not flushed to
//! the disk is gone, which `kill -9` of a process never shows.
//!
//! The machine runs the programs of this build: it sees the files of this system and cannot write to them. Its own disk is
//! served by nbdkit, which keeps what is written in memory until the machine flushes it, as a disk's cache does.

mod boot;
mod machine;

use std::time::Duration;

use acceptance::{Client, until};
use anyhow::{Result, ensure};

use crate::crash::Traffic;
use machine::{Engine, Machine};

/// Under traffic.
const CUTS: u64 = 3;
/// A machine without hardware support for virtual machines starts within this time, also when others work on it.
const START_WITHIN: Duration = Duration::from_secs(900);
/// Then it is started again.
const TRY_FOR: Duration = Duration::from_secs(300);
/// Messages of one person to another, each sent after the one before was answered.
const MESSAGES: usize = 20;

#[test]
fn messages_on_sqlite_survive_power_cuts() -> Result<()> {
    survive(Engine::Sqlite)
}

#[test]
fn messages_on_postgresql_survive_power_cuts() -> Result<()> {
    survive(Engine::Postgres)
}

/// Every message whose `sent` was seen is in both logs exactly once, unchanged, in logs without a hole.
fn survive(engine: Engine) -> Result<()> {
    let mut machine = Machine::make(engine, true)?;
    machine.switch_on()?;
    let traffic = Traffic::start_patient(&machine.endpoints, START_WITHIN)?;
    for cut in 1..=CUTS {
        // Never at the same point.
        traffic.wait_for_sent(50 + 17 * cut)?;
        machine.cut_power()?;
        machine.switch_on()?;
    }
    traffic.wait_for_sent(50)?;
    traffic.settle()
}

#[test]
fn messages_on_sqlite_survive_because_they_are_synced() -> Result<()> {
    because_they_are_synced(Engine::Sqlite)
}

#[test]
fn messages_on_postgresql_survive_because_they_are_synced() -> Result<()> {
    because_they_are_synced(Engine::Postgres)
}

/// The same with and without `fsync`: the machine does cut the power.
fn because_they_are_synced(engine: Engine) -> Result<()> {
    let kept = kept_after_a_cut(engine, true)?;
    ensure!(kept == MESSAGES, "{kept} of {MESSAGES} messages are left");
    let kept = kept_after_a_cut(engine, false)?;
    ensure!(kept < MESSAGES, "nothing was synced, and all is there: the power was not cut");
    Ok(())
}

/// How many of the messages that were answered are there after a power cut.
fn kept_after_a_cut(engine: Engine, is_synced: bool) -> Result<usize> {
    let mut machine = Machine::make(engine, is_synced)?;
    machine.switch_on()?;
    let account = |name: &str| {
        until(name, START_WITHIN, || Ok(Client::connected(&machine.endpoints, name).ok()))
    };
    let (mut alice, mut bob) = (account("Alice")?, account("Bob")?);
    bob.leave();
    for number in 0..MESSAGES {
        alice.send_message(&bob, &format!("{number}"))?;
    }
    machine.cut_power()?;
    if let Err(error) = machine.switch_on() {
        // Without syncing nothing has to be left, not even a database that can be opened.
        ensure!(!is_synced, "{error:#}");
        return Ok(0);
    }
    let Ok(mut again) = bob.device("after the cut") else {
        ensure!(!is_synced, "an account is lost");
        return Ok(0);
    };
    let head = again.connect_since(0)?["head"].as_i64().unwrap_or(0);
    let mut kept = 0;
    for seq in 1..=head {
        let event = again.receive_next()?;
        ensure!(event["seq"] == seq, "{seq} is expected, and this comes: {event}");
        if event["type"] == "message" {
            let number = event["content"].as_str().unwrap_or_default().parse();
            ensure!(number == Ok(kept), "{kept} is expected: {event}");
            kept += 1;
        }
    }
    Ok(kept)
}
