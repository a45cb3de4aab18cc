//! A neighbour is not felt: one account does its worst at default limits, two others go on as on a quiet server.
//!
//! [`attack`] is what the one account does, [`victim`] is what the two others do and how long each of it takes. In `./check`
//! each attack lasts a few seconds, from 64 connections of sixteen addresses: nothing of the two others is refused or takes
//! longer than they wait, and the memory has its bound. For figures, from 256 connections, with the bound on times:
//!
//!     NEIGHBOUR_SECONDS=30 cargo test --release -p acceptance neighbour -- --nocapture --test-threads=1
//!
//! `NEIGHBOUR_ATTACKS=storing,hellos` tries these alone.

mod attack;
mod times;
mod usage;
mod victim;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, PATIENCE, until};
use anyhow::{Context, Result, anyhow, ensure};

use crate::harness::{Arrangement, Deployment, Server};
use attack::{ATTACKS, Attack};
use times::Times;
use victim::Victims;

/// How long each attack lasts, unless `NEIGHBOUR_SECONDS` says otherwise.
const SECONDS_DEFAULT: u64 = 2;
/// The server's resident memory at the most, in MiB.
const MEMORY_MAX_MIB: u64 = 256;
/// A 99th percentile may be as many times that of a quiet server …
const SLOWER_MAX: u32 = 5;
/// … or this, whichever is more.
const P99_MAX: Duration = Duration::from_millis(100);
/// Connections of the attacker at one time, over all its addresses, where times are measured …
const CONNECTIONS: usize = 256;
/// … and in a short run.
const CONNECTIONS_SHORT: usize = 64;

#[test]
fn one_account_is_not_felt_on_sqlite() -> Result<()> {
    is_not_felt(&Arrangement::Messenger)
}

#[test]
fn one_account_is_not_felt_on_postgresql() -> Result<()> {
    is_not_felt(&Arrangement::postgres()?)
}

/// Tries every attack, then all of them at once.
fn is_not_felt(kind: &Arrangement) -> Result<()> {
    let seconds = std::env::var("NEIGHBOUR_SECONDS").ok();
    let is_strict = seconds.is_some();
    let seconds = seconds.map_or(Ok(SECONDS_DEFAULT), |text| text.parse())?;
    let lasting = Duration::from_secs(seconds);
    let connections = if is_strict { CONNECTIONS } else { CONNECTIONS_SHORT };
    let mut deployment =
        Deployment::launch(kind, &["--message-rate=50", "--signup-rate=10", "--contact=request"])?;
    let endpoints = deployment.endpoints.clone();
    // Words of the longest texts take programs that are not optimised seconds.
    let bytes = if is_strict { 16 * 1024 } else { 4 * 1024 };
    let mallory = Mallory::new(&endpoints, bytes)?;
    let mut victims = Victims::new(&endpoints)?;

    let quiet = watched(&mut deployment, &mut victims, &mallory, (&[], connections), lasting)?;
    quiet.print("quiet");
    let mut faults = Vec::new();
    let wanted = std::env::var("NEIGHBOUR_ATTACKS").ok();
    let is_wanted = |name: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|wanted| wanted == name))
    };
    let mixture: Vec<&Attack> = ATTACKS.iter().collect();
    let alone = ATTACKS.iter().map(|attack| (attack.name, vec![attack]));
    let all = alone.chain([("all at once", mixture)]);
    for (name, attacks) in all.filter(|(name, _)| is_wanted(name)) {
        let seen =
            watched(&mut deployment, &mut victims, &mallory, (&attacks, connections), lasting)
                .with_context(|| format!("while: {name}"))?;
        seen.print(name);
        if seen.memory_mib > MEMORY_MAX_MIB {
            faults.push(format!("{name}: {} MiB resident", seen.memory_mib));
        }
        if is_strict {
            let bound = |p99: Duration| (p99 * SLOWER_MAX).max(P99_MAX);
            faults.extend(seen.times.over(&quiet.times, bound).map(|it| format!("{name}: {it}")));
        }
    }
    ensure!(faults.is_empty(), "felt:\n{}", faults.join("\n"));
    Ok(())
}

/// What was seen of the two others and of the server during an attack.
struct Seen {
    times: Times,
    memory_mib: u64,
    /// Cores that the server has kept busy.
    cores: f64,
}

impl Seen {
    /// One line of a table.
    #[allow(clippy::print_stderr, reason = "figures for whoever runs it by hand")]
    fn print(&self, name: &str) {
        let Self { times, memory_mib, cores } = self;
        eprintln!("{name}: {memory_mib} MiB, {cores:.2} cores; p50/p99 ms: {times}");
    }
}

/// Lets the attacks run while the two others go on.
fn watched(
    deployment: &mut Deployment,
    victims: &mut Victims,
    mallory: &Mallory,
    (attacks, connections): (&[&'static Attack], usize),
    lasting: Duration,
) -> Result<Seen> {
    let stop = AtomicBool::new(false);
    let pids: Vec<i32> = deployment.servers.iter().map(Server::pid).collect();
    let cpu_time = || -> Result<Duration> { deployment.servers.iter().map(Server::cpu_time).sum() };
    let begin = (Instant::now(), cpu_time()?);
    let seen = thread::scope(|scope| -> Result<Seen> {
        let memory = scope.spawn(|| usage::peak_mib(&pids, &stop));
        for attack in attacks {
            let share = connections / attacks.len();
            for place in 0..share {
                let stop = &stop;
                scope.spawn(move || attack.keep_at_it(mallory, place, stop));
            }
        }
        let times = victims.go_on(Instant::now() + lasting);
        stop.store(true, Ordering::Relaxed);
        let memory_mib = memory.join().map_err(|_| anyhow!("watching the memory panicked"))??;
        let used = cpu_time()? - begin.1;
        let cores = used.as_secs_f64() / begin.0.elapsed().as_secs_f64();
        Ok(Seen { times: times?, memory_mib, cores })
    })?;
    deployment.runs()?;
    // The next one begins on a quiet server.
    until("the server to be quiet again", PATIENCE, || Ok(victims.is_quiet()?.then_some(())))?;
    Ok(seen)
}

/// The one account, with what it needs for its attacks.
struct Mallory {
    endpoints: Endpoints,
    email: String,
    password: String,
    token: String,
    id: i64,
    groups: Vec<i64>,
    /// What it stores again and again.
    content: String,
}

/// Groups that it makes before, each with a longest message: within the burst of its rate.
const GROUPS: usize = 200;

impl Mallory {
    fn new(endpoints: &Endpoints, bytes: usize) -> Result<Self> {
        let mut client = Client::connected(endpoints, "Mallory")?;
        let content = "a b c d ".repeat(2048);
        let mut groups = Vec::new();
        for _ in 0..GROUPS {
            let group = client.make_group("G", &[])?;
            client.send_to_group(group, &content)?;
            groups.push(group);
        }
        Ok(Self {
            endpoints: endpoints.clone(),
            email: client.email.clone(),
            password: client.password.clone(),
            token: client.token.clone(),
            id: client.id,
            groups,
            content: "x y z ".repeat(bytes / 6),
        })
    }
}
