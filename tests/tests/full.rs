//! A disk without room: nothing is told that is not stored, health says so, and it ends by itself once there is room.

use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::{Heard, Person, until};
use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{House, Kind};

/// For the probe to notice, on a slow machine.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Files of the first program may not be written beyond so many bytes, as if the disk were full there.
fn limit(house: &House, bytes: &str) -> Result<()> {
    let pid = format!("--pid={}", house.servers[0].id());
    // The soft limit alone, so that it can be lifted again.
    let done = Command::new("prlimit").args([pid, format!("--fsize={bytes}:")]).status()?;
    ensure!(done.success(), "prlimit: {done}");
    Ok(())
}

/// Both servers say this of their health, within a second each time.
fn health_becomes(house: &House, status: u16, code: Option<&str>) -> Result<()> {
    until(&format!("health {status}"), TOLD_WITHIN, || {
        let mut is_told = true;
        for call in [house.world.ask("GET", "/healthz")?, house.world.ask_chat("GET", "/healthz")] {
            let answer = call.send()?;
            is_told &= answer.status == status && answer.body["code"].as_str() == code;
        }
        Ok(is_told.then_some(()))
    })
}

#[test]
fn a_full_disk_is_told_and_ends_by_itself() -> Result<()> {
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let mut house = House::open_with(&Kind::Messenger, &[], |launch| launch.under(&ignoring))?;
    let mut alice = Person::arrive(&house.world, "Alice")?;
    let bob = Person::arrive(&house.world, "Bob")?;
    alice.say(&bob, "before")?;

    limit(&house, "1")?;
    let began = Instant::now();
    for n in 0..200 {
        alice.write(&json!({"to": bob.id, "content": "no room", "ref": format!("full-{n}")}))?;
    }
    for n in 0..200 {
        let reference = format!("full-{n}");
        let heard = alice.socket()?.hear_within(&reference, TOLD_WITHIN, |heard| match heard {
            Heard::Json(frame) if frame["ref"] == *reference => Some(frame.clone()),
            _ => None,
        })?;
        ensure!(heard["code"] == "unavailable", "{heard}");
    }
    health_becomes(&house, 503, Some("not_storing"))?;
    let lines = house.servers[0].log().matches("messages were not stored").count();
    let most = usize::try_from(began.elapsed().as_secs())? + 1;
    ensure!((1..=most).contains(&lines), "{lines} lines in the log");

    limit(&house, "unlimited")?;
    health_becomes(&house, 200, None)?;
    alice.say(&bob, "after")?;
    ensure!(alice.history(json!({"with": bob.id}))? == ["before", "after"]);
    house.runs()
}
