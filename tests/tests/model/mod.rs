//! Random operations by several accounts and devices, done to the server and to a simple model of it that lives in memory:
//! every answer, log, history and unread count must agree, whatever drops, stops and is killed in between.
//!
//! A list of operations that fails is shrunk, printed as Rust, and kept: its seed in `regressions.txt` by proptest itself,
//! and by hand in `kept.rs`, where it outlives changes of the strategy. `PROPTEST_CASES` asks for more runs than usual.

/// EventBody an account is shown, compared.
mod check;
/// A device and what it has heard.
mod device;
/// Groups in the model.
mod group;
/// Invitations to groups in the model.
mod invitation;
/// Lists that have failed once.
mod kept;
/// The server's numbers and the model's.
mod name;
/// Operations, and how they are made up.
mod op;
/// What somebody does for its own devices in the model.
mod own;
/// EventBody an operation is about.
mod pick;
/// Hidden receipts in the model.
mod privacy;
/// Several at once.
mod race;
/// Receipts in the model.
mod receipt;
/// Message requests in the model.
mod request;
/// Edits, deletions and reactions in the model.
mod revise;
/// EventBody comes of an action in the model.
mod rule;
/// A run against a server.
mod run;
/// EventBody the model knows.
mod state;
/// EventBody the model shows.
mod view;

use std::cell::RefCell;
use std::env;

use anyhow::{Context, Result, anyhow, ensure};
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner,
};

use crate::harness::{Arrangement, Deployment};
use op::{Action, CROWD, Op};
use race::Race;
use run::Run;

/// Runs on each storage engine, unless `PROPTEST_CASES` says otherwise.
const RUNS: u32 = 8;
/// The same for races, and rounds of each race that is known by name.
const RACES: u32 = 5;
const ROUNDS: usize = 2;
/// Runs, and milliseconds, that may be spent on making a list that fails shorter.
const SHRINKS_MAX: u32 = 1000;
const SHRINKING_MAX: u32 = 120_000;

/// A place beside this file for the seeds of what has failed.
macro_rules! beside {
    ($file:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model/", $file)
    };
}

#[test]
fn a_server_on_sqlite_does_what_the_model_does() -> Result<()> {
    matches_model(Arrangement::Messenger)
}

#[test]
fn a_server_on_postgresql_does_what_the_model_does() -> Result<()> {
    matches_model(Arrangement::postgres()?)
}

#[test]
fn whoever_is_first_on_sqlite_everybody_is_told_the_same() -> Result<()> {
    all_logs_agree(Arrangement::Messenger)
}

#[test]
fn whoever_is_first_on_postgresql_everybody_is_told_the_same() -> Result<()> {
    all_logs_agree(Arrangement::postgres()?)
}

fn all_logs_agree(kind: Arrangement) -> Result<()> {
    let place = RefCell::new(Server { kind, deployment: None, crowd: None });
    let run = |race: &Race| place.borrow_mut().on(|deployment| race::run(deployment, race));
    for (name, race) in race::known() {
        for _ in 0..ROUNDS {
            run(&race).with_context(|| format!("when {name}"))?;
        }
    }
    let fails = |race| run(&race).map_err(|error| TestCaseError::fail(format!("{error:#}")));
    runner(RACES, beside!("races.txt"))
        .run(&race::races(), fails)
        .map_err(|error| anyhow!("{error}"))
}

fn matches_model(kind: Arrangement) -> Result<()> {
    let place = RefCell::new(Server { kind, deployment: None, crowd: None });
    let again = |(name, ops): (&str, Vec<Op>)| {
        let played = place.borrow_mut().play(&ops);
        played.err().map(|error| format!("once {name}: {error:#}"))
    };
    let lists = kept::all().into_iter().chain(kept::of_strangers());
    let failed: Vec<_> = lists.filter_map(again).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    let play = |ops: Vec<Op>| {
        let played = place.borrow_mut().play(&ops);
        played.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    };
    runner(RUNS, beside!("regressions.txt"))
        .run(&op::ops(), play)
        .map_err(|error| anyhow!("{error}"))
}

/// The usual runs are always the same: a build fails for what has changed. Who asks for more gets new ones.
fn runner(runs: u32, seeds: &'static str) -> TestRunner {
    let config = config(runs, seeds);
    if env::var_os("PROPTEST_CASES").is_some() {
        return TestRunner::new(config);
    }
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
}

fn config(runs: u32, seeds: &'static str) -> Config {
    let config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        ..Config::default()
    };
    // EventBody is asked for goes before what is usual.
    let is_set = |key: &str| env::var_os(key).is_some();
    let cases = if is_set("PROPTEST_CASES") { config.cases } else { runs };
    let iterations = config.max_shrink_iters;
    let shrinks = if is_set("PROPTEST_MAX_SHRINK_ITERS") { iterations } else { SHRINKS_MAX };
    let time = config.max_shrink_time;
    let time = if is_set("PROPTEST_MAX_SHRINK_TIME") { time } else { SHRINKING_MAX };
    Config { cases, max_shrink_iters: shrinks, max_shrink_time: time, ..config }
}

/// One server for all runs, with new accounts in each.
struct Server {
    kind: Arrangement,
    deployment: Option<Deployment>,
    /// Accounts in it that do nothing.
    crowd: Option<Vec<i64>>,
}

impl Server {
    fn play(&mut self, ops: &[Op]) -> Result<()> {
        let is_crowded = ops.iter().any(
            |op| matches!(op, Op::Do(_, Action::Create(_, all)) if all.len() == CROWD.count()),
        );
        let mut crowd = self.crowd.take();
        self.on(|deployment| {
            if is_crowded && crowd.is_none() {
                crowd = Some(run::crowd(&deployment.endpoints)?);
            }
            Run::begin(deployment, crowd.as_deref().unwrap_or_default())?.play(ops)
        })?;
        self.crowd = crowd.filter(|_| self.deployment.is_some());
        Ok(())
    }

    fn on(&mut self, run: impl FnOnce(&mut Deployment) -> Result<()>) -> Result<()> {
        let mut deployment = match self.deployment.take() {
            Some(deployment) => deployment,
            None => Deployment::launch(&self.kind, &["--contact=request"])?,
        };
        let played = run(&mut deployment);
        // A server that did not come back is no place for the next run.
        if deployment.is_running() {
            self.deployment = Some(deployment);
        }
        played
    }
}
