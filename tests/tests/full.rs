//! A disk without room: nothing is told that is not stored, health says so, and it ends by itself once there is room.

use std::process::Command;

use acceptance::Person;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::drive::{House, Kind};
use crate::faults::{METRICS, Watch, answer, health_becomes};

/// Files of the first program may not be written beyond so many bytes, as if the disk were full there.
fn limit(house: &House, bytes: &str) -> Result<()> {
    let pid = format!("--pid={}", house.servers[0].id());
    // The soft limit alone, so that it can be lifted again.
    let done = Command::new("prlimit").args([pid, format!("--fsize={bytes}:")]).status()?;
    ensure!(done.success(), "prlimit: {done}");
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_ends_by_itself() -> Result<()> {
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let mut house =
        House::open_with(&Kind::Messenger, &[METRICS], |launch| launch.under(&ignoring))?;
    let mut alice = Person::arrive(&house.world, "Alice")?;
    let bob = Person::arrive(&house.world, "Bob")?;
    alice.say(&bob, "before")?;

    let watch = Watch::begin(&mut house)?;
    limit(&house, "1")?;
    for n in 0..200 {
        alice.write(&json!({"to": bob.id, "content": "no room", "ref": format!("full-{n}")}))?;
    }
    for n in 0..200 {
        let heard = answer(&mut alice, &format!("full-{n}"))?;
        ensure!(heard["code"] == "unavailable", "{heard}");
    }
    health_becomes(&house, 503, Some("not_storing"))?;
    ensure!(house.servers[0].log().contains("messages were not stored"));

    limit(&house, "unlimited")?;
    health_becomes(&house, 200, None)?;
    alice.say(&bob, "after")?;
    ensure!(alice.history(json!({"with": bob.id}))? == ["before", "after"]);
    house.runs()?;
    watch.end(&house)
}
