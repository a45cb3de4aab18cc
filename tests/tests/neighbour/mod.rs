//! A neighbour is not felt: one account does its worst at default limits, two others go on as on a quiet server.
//!
//! [`attack`] is what the one account does, [`victim`] is what the two others do and how long each of it takes. Every attack
//! comes from up to [`attack::CONNECTIONS`] connections of sixteen addresses. In `./check` each attack lasts a few seconds and
//! the bound on times is loose. For figures, on release programs, with a table and the strict bound:
//!
//!     NEIGHBOUR_SECONDS=30 cargo test --release -p acceptance neighbour -- --nocapture --test-threads=1

mod attack;
mod memory;
mod times;
mod victim;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{PATIENCE, Person, World, until};
use anyhow::{Context, Result, anyhow, ensure};

use crate::drive::{House, Kind};
use attack::{ATTACKS, Attack};
use times::Times;
use victim::Victims;

/// How long each attack lasts, unless `NEIGHBOUR_SECONDS` says otherwise.
const SECONDS_DEFAULT: u64 = 4;
/// The server's resident memory at the most, in MiB.
const MEMORY_MAX_MIB: u64 = 256;
/// A 99th percentile may be as many times that of a quiet server …
const SLOWER_MAX: u32 = 5;
/// … or this, whichever is more.
const P99_MAX: Duration = Duration::from_millis(100);
/// In a short run on a busy machine the percentile is the worst value: the bound on it is loose.
const LOOSE: u32 = 10;

#[test]
fn one_account_is_not_felt_on_sqlite() -> Result<()> {
    is_not_felt(&Kind::Messenger)
}

#[test]
fn one_account_is_not_felt_on_postgresql() -> Result<()> {
    is_not_felt(&Kind::postgres()?)
}

/// Tries every attack, then all of them at once.
fn is_not_felt(kind: &Kind) -> Result<()> {
    let seconds = std::env::var("NEIGHBOUR_SECONDS").ok();
    let is_strict = seconds.is_some();
    let seconds = seconds.map_or(Ok(SECONDS_DEFAULT), |text| text.parse())?;
    let lasting = Duration::from_secs(seconds);
    let mut house =
        House::open(kind, &["--message-rate=50", "--signup-rate=10", "--contact=request"])?;
    let world = house.world.clone();
    let mallory = Mallory::new(&world)?;
    let mut victims = Victims::new(&world)?;

    let quiet = watched(&mut house, &mut victims, &mallory, &[], lasting)?;
    quiet.times.print("quiet", quiet.memory_mib);
    let mut faults = Vec::new();
    let mixture: Vec<&Attack> = ATTACKS.iter().collect();
    let alone = ATTACKS.iter().map(|attack| (attack.name, vec![attack]));
    for (name, attacks) in alone.chain([("all at once", mixture)]) {
        let seen = watched(&mut house, &mut victims, &mallory, &attacks, lasting)
            .with_context(|| format!("while: {name}"))?;
        seen.times.print(name, seen.memory_mib);
        if seen.memory_mib > MEMORY_MAX_MIB {
            faults.push(format!("{name}: {} MiB resident", seen.memory_mib));
        }
        let bound = |p99: Duration| {
            let bound = (p99 * SLOWER_MAX).max(P99_MAX);
            if is_strict { bound } else { bound * LOOSE }
        };
        faults.extend(seen.times.over(&quiet.times, bound).map(|it| format!("{name}: {it}")));
    }
    ensure!(faults.is_empty(), "felt:\n{}", faults.join("\n"));
    Ok(())
}

/// What was seen of the two others and of the server during an attack.
struct Seen {
    times: Times,
    memory_mib: u64,
}

/// Lets the attacks run while the two others go on.
fn watched(
    house: &mut House,
    victims: &mut Victims,
    mallory: &Mallory,
    attacks: &[&'static Attack],
    lasting: Duration,
) -> Result<Seen> {
    let stop = AtomicBool::new(false);
    let pids: Vec<i32> = house.servers.iter().map(crate::drive::Server::pid).collect();
    let seen = thread::scope(|scope| -> Result<Seen> {
        let memory = scope.spawn(|| memory::peak_mib(&pids, &stop));
        for attack in attacks {
            let share = attack::CONNECTIONS / attacks.len();
            for place in 0..share {
                let stop = &stop;
                scope.spawn(move || attack.keep_at_it(mallory, place, stop));
            }
        }
        let times = victims.go_on(Instant::now() + lasting);
        stop.store(true, Ordering::Relaxed);
        let memory_mib = memory.join().map_err(|_| anyhow!("watching the memory panicked"))??;
        Ok(Seen { times: times?, memory_mib })
    })?;
    house.runs()?;
    // The next one begins on a quiet server.
    until("the server to be quiet again", PATIENCE, || Ok(victims.is_quiet()?.then_some(())))?;
    Ok(seen)
}

/// The one account, with what it needs for its attacks.
struct Mallory {
    world: World,
    email: String,
    password: String,
    token: String,
    id: i64,
    groups: Vec<i64>,
}

/// Groups that it makes before, each with a longest message: within the burst of its rate.
const GROUPS: usize = 200;

impl Mallory {
    fn new(world: &World) -> Result<Self> {
        let mut person = Person::arrive(world, "Mallory")?;
        let content = "a b c d ".repeat(2048);
        let mut groups = Vec::new();
        for _ in 0..GROUPS {
            let group = person.make_group("G", &[])?;
            person.tell(group, &content)?;
            groups.push(group);
        }
        Ok(Self {
            world: world.clone(),
            email: person.email.clone(),
            password: person.password.clone(),
            token: person.token.clone(),
            id: person.id,
            groups,
        })
    }
}
