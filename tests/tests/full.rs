//! A disk without room: nothing is told that is not stored, health says so, and it ends by itself once there is room.

use std::process::Command;

use acceptance::Client;
use anyhow::{Result, ensure};
use serde_json::json;

use crate::faults::{METRICS, Watch, answer, health_becomes};
use crate::harness::{Arrangement, Deployment};

/// Files of the first program may not be written beyond so many bytes, as if the disk were full there.
fn limit(deployment: &Deployment, bytes: &str) -> Result<()> {
    let pid = format!("--pid={}", deployment.servers[0].id());
    // The soft limit alone, so that it can be lifted again.
    let done = Command::new("prlimit").args([pid, format!("--fsize={bytes}:")]).status()?;
    ensure!(done.success(), "prlimit: {done}");
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_ends_by_itself() -> Result<()> {
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let mut deployment = Deployment::launch_with(&Arrangement::Messenger, &[METRICS], |launch| {
        launch.wrapped_in(&ignoring)
    })?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    alice.send_message(&bob, "before")?;

    let watch = Watch::begin(&mut deployment)?;
    limit(&deployment, "1")?;
    for n in 0..200 {
        alice.write(&json!({"to": bob.id, "content": "no room", "ref": format!("full-{n}")}))?;
    }
    for n in 0..200 {
        let heard = answer(&mut alice, &format!("full-{n}"))?;
        ensure!(heard["code"] == "unavailable", "{heard}");
    }
    health_becomes(&deployment, 503, Some("not_storing"))?;
    ensure!(deployment.servers[0].log().contains("messages were not stored"));

    limit(&deployment, "unlimited")?;
    health_becomes(&deployment, 200, None)?;
    alice.send_message(&bob, "after")?;
    ensure!(alice.history(json!({"with": bob.id}))? == ["before", "after"]);
    deployment.runs()?;
    watch.end(&deployment)
}
