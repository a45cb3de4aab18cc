//! Faults by a seeded schedule, while people send: afterwards every message that was answered with `sent` is in both logs
//! once, no log has a hole, and each is the same wherever it is read.
//!
//!     FAULTS=200 FAULTS_SEED=7 cargo test -p acceptance schedule -- --nocapture

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::until;
use anyhow::{Context, Result, bail, ensure};

use super::history::{self, Entry, Operation, Recorder};
use super::person::{Person, message};
use super::world::{CHATS, World};

/// People who send, unless `FAULTS_PEOPLE` says otherwise.
const PEOPLE: u64 = 6;
/// After the last fault everybody sends and hears again within this time.
const LIVE_WITHIN: Duration = Duration::from_secs(5);

pub fn setting(name: &str, usual: u64) -> Result<u64> {
    std::env::var(name).map_or(Ok(usual), |text| text.parse().with_context(|| name.to_owned()))
}

#[test]
fn nothing_is_lost_or_repeated_whatever_dies() -> Result<()> {
    let mut world = World::launch(setting("FAULTS_SEED", 1)?)?;
    let faults = setting("FAULTS", world.kinds())?;
    let endpoints = world.deployment.endpoints.clone();
    let (recorder, recording) = (Recorder::new(), endpoints.clone());
    let mut people = Vec::new();
    for number in 0..setting("FAULTS_PEOPLE", PEOPLE)? {
        people.push(Person::new(&endpoints, &format!("Person {number}"))?);
    }
    let ids: Vec<i64> = people.iter().map(|person| person.client.id).collect();
    let stop = AtomicBool::new(false);
    let done: Vec<AtomicU64> = ids.iter().map(|_| AtomicU64::new(0)).collect();
    let sent = || done.iter().map(|done| done.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let done_by = |number: usize| &done[number];
    thread::scope(|scope| {
        for (number, person) in people.iter_mut().enumerate() {
            let others: Vec<i64> =
                ids.iter().copied().filter(|id| *id != person.client.id).collect();
            let (stop, done) = (&stop, done_by(number));
            scope.spawn(move || person.run(&others, stop, done));
        }
        let recorded = scope.spawn(|| recorder.run(&recording, &stop));
        let outcome = (|| {
            for number in 1..=faults {
                world.pause(200, 1500);
                let what = world.fault()?;
                eprintln!("fault {number}: {what}; sent so far: {:?}", sent());
            }
            let (before, began) = (sent(), Instant::now());
            until("everybody to send again", 4 * LIVE_WITHIN, || {
                Ok(sent().iter().zip(&before).all(|(now, before)| now > before).then_some(()))
            })?;
            let time = began.elapsed();
            eprintln!("{time:?} after the last fault everybody sends again");
            ensure!(
                time <= LIVE_WITHIN,
                "only {time:?} after the last fault everybody sends again"
            );
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        let recorded = recorded.join().unwrap_or_else(|_| bail!("the recorder panicked"));
        outcome.and(recorded)
    })?;
    check(&mut world, &people)?;
    check_history(&recorder.history())
}

/// The history is linearizable, and its beginning would not be with one message less in a read.
fn check_history(history: &[Entry]) -> Result<()> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history.json");
    history::write(&path, history)?;
    let checked = history::check(history)?;
    eprintln!("linearizable: {checked:?}, {}", path.display());
    // Up to a read of some messages: as if the first of them had not been there yet, though the others were.
    let read_of_some = |entry: &Entry| match &entry.operation {
        Operation::Read { found, .. } => found.as_ref().is_some_and(|found| found.len() > 2),
        Operation::Append { .. } => false,
    };
    let end = history.iter().position(read_of_some).context("nothing was read")?;
    let mut corrupted = history[..=end].to_vec();
    let Operation::Read { found: Some(found), .. } = &mut corrupted[end].operation else {
        bail!("no read")
    };
    Arc::make_mut(found).remove(0);
    ensure!(history::check(&corrupted).is_err(), "a history without a message was accepted");
    Ok(())
}

fn check(world: &mut World, people: &[Person]) -> Result<()> {
    let mut logs = Vec::new();
    for person in people {
        ensure!(person.faults.is_empty(), "{}: {:#?}", person.client.name, person.faults);
        // Receipts that nobody waits for may still be on their way.
        let log = until("the last receipts", 2 * LIVE_WITHIN, || {
            let log = person.log_at(&world.deployment.node(0)?)?;
            let mut is_longer = false;
            for node in 1..CHATS {
                let other = person.log_at(&world.deployment.node(node)?)?;
                let is_same = other.starts_with(&log);
                ensure!(is_same, "{}'s log is another one on node {node}", person.client.name);
                is_longer |= other.len() > log.len();
            }
            Ok((!is_longer).then_some(log))
        })?;
        let heard = &person.heard;
        let at = heard.iter().zip(&log).take_while(|(heard, logged)| heard == logged).count();
        ensure!(
            at == heard.len(),
            "{} has heard {:?} at place {at} of {}, where the log has {:?} of {}",
            person.client.name,
            heard.get(at),
            heard.len(),
            log.get(at),
            log.len()
        );
        logs.push((person.client.id, log));
    }
    let mut times: HashMap<(i64, &str), usize> = HashMap::new();
    for (account, log) in &logs {
        log.iter().for_each(|event| *times.entry((*account, event)).or_default() += 1);
    }
    let mut count = 0;
    for person in people {
        for (id, to) in &person.sent {
            for account in [person.client.id, *to] {
                let times = times.get(&(account, message(*id).as_str())).copied().unwrap_or(0);
                ensure!(times == 1, "message {id} is {times} times in the log of {account}");
            }
            count += 1;
        }
    }
    let messages = |log: &[String]| log.iter().filter(|it| it.starts_with("message")).count();
    let stored: usize = logs.iter().map(|(_, log)| messages(log)).sum();
    ensure!(stored == 2 * count, "{count} messages were answered, and {stored} are in logs");
    eprintln!("{count} messages, each once in both logs; every log the same on {CHATS} nodes");
    Ok(())
}
