//! The machine's clock jumps, under `faketime`: nothing is deleted for it, the time that people see goes on, and no old message can be
//! changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use acceptance::{Client, Endpoints, PATIENCE, until};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Arrangement, Deployment, Launch, faketime};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// For the server to notice, which it looks for once a second.
const NOTICED_WITHIN: Duration = Duration::from_secs(45);

/// After so many wrong passwords of a client that an account knows, it cannot log in for a while.
const WRONG_PASSWORDS: usize = 10;

/// The clock that the programs see.
pub struct Clock(PathBuf);

impl Clock {
    pub fn new(dir: &Path, offset: &str) -> Result<Self> {
        let clock = Self(dir.join("offset"));
        clock.set(offset)?;
        Ok(clock)
    }

    /// Sets it, such as `+60d` ahead of ours.
    fn set(&self, offset: &str) -> Result<()> {
        // Whoever reads it meanwhile finds the one or the other.
        let new = self.0.with_extension("new");
        fs::write(&new, offset)?;
        fs::rename(new, &self.0).context("setting the clock")
    }

    pub fn shown_to(&self, launch: Launch, library: &Path) -> Launch {
        launch
            .env("LD_PRELOAD", &library.display().to_string())
            .env("FAKETIME_TIMESTAMP_FILE", &self.0.display().to_string())
            .env("FAKETIME_NO_CACHE", "1")
            // Nobody sets the clock that only counts.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

fn now() -> i64 {
    UNIX_EPOCH.elapsed().map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn log(deployment: &Deployment) -> String {
    deployment.servers.iter().map(|server| server.log()).collect()
}

fn noticed(deployment: &Deployment, text: &str) -> Result<()> {
    let what = format!("the log to say {text:?}");
    until(&what, NOTICED_WITHIN, || Ok(log(deployment).contains(text).then_some(())))
}

fn at(sent: &Value) -> Result<i64> {
    sent["at"].as_i64().with_context(|| format!("no time: {sent}"))
}

/// Whether a time is ours, give or take what a slow machine needs.
fn is_ours(at: i64) -> Result<()> {
    ensure!((at - now()).abs() < 4 * 60_000, "{at} is not now, {}", now());
    Ok(())
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing_in_sqlite() -> Result<()> {
    jumps_ahead(&Arrangement::Messenger)
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing_in_postgresql() -> Result<()> {
    jumps_ahead(&Arrangement::postgres()?)
}

fn jumps_ahead(kind: &Arrangement) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (clock, library) = (Clock::new(dir.path(), "+0")?, faketime()?);
    let mut deployment =
        Deployment::launch_with(kind, &[], |launch| clock.shown_to(launch, &library))?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let mut bob = Client::connected(&deployment.endpoints, "Bob")?;
    let in_all = |alice: &mut Client, bob: &Client| alice.history(json!({"with": bob.id}));
    let edit = |id: &Value, content: &str| json!({"type": "edit", "id": id, "content": content});
    alice.change(json!({"type": "retention", "with": bob.id, "days": 7}))?;
    let before = alice.send_message(&bob, "before")?;
    is_ours(at(&before)?)?;

    // While they run.
    clock.set("+60d")?;
    noticed(&deployment, "ahead")?;
    let during = alice.send_message(&bob, "during")?;
    is_ours(at(&during)?)?;
    alice.change(edit(&before["id"], "before, edited"))?;
    ensure!(alice.device("late")?.ask("GET", "/me")?.send()?.status == 200, "who logs in is in");

    // And over a restart, at which the sweep comes at once.
    deployment.stop()?;
    deployment.start()?;
    noticed(&deployment, "nothing is deleted")?;
    alice.connect()?;
    bob.connect()?;
    let future = alice.send_message(&bob, "future")?;
    ensure!(in_all(&mut alice, &bob)? == ["before, edited", "during", "future"]);
    ensure!(bob.ask("GET", "/me")?.send()?.status == 200, "a session has ended by its age");

    // It is undone.
    clock.set("+0")?;
    noticed(&deployment, "trusted again")?;
    let after = alice.send_message(&bob, "after")?;
    ensure!(at(&after)? >= at(&future)?, "{after} comes after {future}");
    // Elsewhere it is what it is.
    let mut carol = Client::connected(&deployment.endpoints, "Carol")?;
    is_ours(at(&carol.send_message(&bob, "elsewhere")?)?)?;
    if (at(&future)? - now()).abs() > DAY_MS {
        alice.refused(edit(&future["id"], "for sixty days?"), "too_late")?;
    }
    ensure!(in_all(&mut alice, &bob)?.len() == 4);
    Ok(())
}

#[test]
fn servers_whose_clocks_differ_by_minutes_know_what_is_recent() -> Result<()> {
    let kind = Arrangement::postgres()?;
    let right = Deployment::launch(&kind, &[])?;
    let (dir, library) = (tempfile::tempdir()?, faketime()?);
    for offset in ["+3m", "-3m"] {
        let clock = Clock::new(dir.path(), offset)?;
        let wrong = Deployment::launch_with(&kind, &[], |launch| clock.shown_to(launch, &library))?;
        for (one, other) in [(&right, &wrong), (&wrong, &right)] {
            let [one, other] = [&one.endpoints, &other.endpoints];
            let alice = Client::signup(one, "Alice")?;
            let ticket = alice.ask("POST", "/ticket")?.send()?.expect(200)?.body["ticket"].clone();
            let mut elsewhere = Client::new(other);
            elsewhere.open(&[])?;
            elsewhere.write(&json!({"type": "hello", "token": ticket}))?;
            elsewhere.receive_type("welcome")?;

            let login = |at: &Endpoints, password: &str| {
                let device = json!({"email": alice.email, "password": password, "device": "new"});
                at.ask("POST", "/login")?.json(&device).send()
            };
            // The account knows this client at both.
            for at in [one, other] {
                login(at, &alice.password)?.expect(200)?;
            }
            for _ in 0..WRONG_PASSWORDS {
                login(one, "a wrong password")?.refused(401)?;
            }
            until("wrong passwords to count elsewhere", PATIENCE, || {
                // The count falls meanwhile.
                login(one, "a wrong password")?;
                Ok((login(other, &alice.password)?.status == 429).then_some(()))
            })?;
        }
    }
    Ok(())
}

#[test]
fn a_clock_that_is_behind_makes_no_old_message_young_in_sqlite() -> Result<()> {
    is_behind(&Arrangement::Messenger)
}

#[test]
fn a_clock_that_is_behind_makes_no_old_message_young_in_postgresql() -> Result<()> {
    is_behind(&Arrangement::postgres()?)
}

fn is_behind(kind: &Arrangement) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (clock, library) = (Clock::new(dir.path(), "-3d")?, faketime()?);
    let today = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    let today = String::from_utf8(today.stdout)?;
    let mut deployment = Deployment::launch_with(kind, &[], |launch| {
        clock.shown_to(launch, &library).env("CLOCK_CONFIRMED", today.trim())
    })?;
    let mut alice = Client::connected(&deployment.endpoints, "Alice")?;
    let bob = Client::connected(&deployment.endpoints, "Bob")?;
    let old = alice.send_message(&bob, "three days ago")?;
    ensure!(now() - at(&old)? > 2 * DAY_MS, "{old}");
    let edit = json!({"type": "edit", "id": old["id"], "content": "rewritten"});

    // Three days later, as the operator confirms.
    deployment.stop()?;
    clock.set("+0")?;
    deployment.start()?;
    noticed(&deployment, "confirmed")?;
    alice.connect()?;
    alice.refused(edit.clone(), "too_late")?;
    let new = alice.send_message(&bob, "now")?;
    is_ours(at(&new)?)?;

    // The clock is wrong again: while they run, and from the start.
    clock.set("-3d")?;
    noticed(&deployment, "behind")?;
    alice.refused(edit.clone(), "too_late")?;
    deployment.stop()?;
    deployment.start()?;
    noticed(&deployment, "behind")?;
    alice.connect()?;
    alice.refused(edit.clone(), "too_late")?;
    alice.refused(json!({"type": "delete", "id": old["id"]}), "too_late")?;
    let newer = alice.send_message(&bob, "later")?;
    ensure!(at(&newer)? >= at(&new)?, "{newer} comes after {new}");
    is_ours(at(&newer)?)
}

#[test]
fn a_day_that_is_none_is_a_usage_error() -> Result<()> {
    let home = tempfile::tempdir()?;
    let launch = Launch::new("chat", home.path())?.args(&["--clock-confirmed=2026-02-30"]);
    let output = launch.run()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2) && said.contains("2026-11-29"), "{said}");
    Ok(())
}
