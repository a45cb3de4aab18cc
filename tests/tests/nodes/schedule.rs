//! Faults by a seeded schedule, while people send: afterwards every message that was answered with `sent` is in both logs
//! once, no log has a hole, and each is the same wherever it is read.
//!
//!     FAULTS=200 FAULTS_SEED=7 cargo test -p acceptance schedule -- --nocapture

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Cluster, Nats, until};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::person::{Person, message};
use crate::harness::{Arrangement, Deployment, Launch, Server};

const CHATS: usize = 3;
const BUSES: usize = 3;
const PEOPLE: usize = 6;
/// Unless `FAULTS` says otherwise.
const FAULTS: u64 = 12;
/// After the last fault everybody sends and hears again within this time.
const LIVE_WITHIN: Duration = Duration::from_secs(5);

/// Everything that runs.
struct World {
    cluster: Cluster,
    buses: Vec<Nats>,
    deployment: Deployment,
    auth: Launch,
    second_auth: Server,
    random: u64,
}

impl World {
    fn launch(seed: u64) -> Result<Self> {
        let cluster = Cluster::make()?;
        cluster.start()?;
        let mut buses: Vec<Nats> = Vec::new();
        let first = free_port()?;
        for bus in 0..BUSES {
            let port = if bus == 0 { first } else { free_port()? };
            let (own, routes) =
                (format!("nats://127.0.0.1:{port}"), format!("nats://127.0.0.1:{first}"));
            buses.push(Nats::start(&[
                "--cluster_name",
                "test",
                "--cluster",
                &own,
                "--routes",
                &routes,
            ])?);
        }
        let urls: Vec<_> = buses.iter().map(Nats::url).collect();
        let (url, nats) = (cluster.database()?, format!("--nats={}", urls.join(",")));
        let deployment =
            Deployment::launch(&Arrangement::Nodes(CHATS, url.clone(), false), &[&nats])?;
        let flags = ["--listen=127.0.0.1:0".to_owned(), format!("--database={url}")];
        let auth = Launch::new("auth", deployment.dir())?.args(&flags);
        let mut second_auth = auth.start()?;
        second_auth.address("auth")?;
        Ok(Self { cluster, buses, deployment, auth, second_auth, random: seed | 1 })
    }

    /// The next number of the schedule, below `end`.
    fn random(&mut self, end: u64) -> u64 {
        // xorshift64: the same seed is the same schedule.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }

    fn pause(&mut self, from_ms: u64, to_ms: u64) {
        let time = from_ms + self.random(to_ms - from_ms);
        thread::sleep(Duration::from_millis(time));
    }

    /// One fault, and its end; says which.
    fn fault(&mut self) -> Result<String> {
        let (kind, chat, bus) = (
            self.random(10),
            self.random(CHATS as u64) as usize,
            self.random(BUSES as u64) as usize,
        );
        Ok(match kind {
            0..=2 => {
                self.deployment.kill(chat)?;
                self.pause(100, 1500);
                self.deployment.restart(chat)?;
                format!("chat {chat} was killed")
            }
            3 | 4 => {
                self.deployment.servers[chat].signal(Signal::STOP)?;
                self.pause(500, 3000);
                self.deployment.servers[chat].signal(Signal::CONT)?;
                format!("chat {chat} stood still")
            }
            5 => {
                self.buses[bus].kill()?;
                self.pause(100, 2000);
                self.buses[bus].restart()?;
                format!("NATS {bus} was killed")
            }
            6 => {
                self.buses[bus].signal(Signal::STOP)?;
                self.pause(500, 3000);
                self.buses[bus].signal(Signal::CONT)?;
                format!("NATS {bus} stood still")
            }
            7 => {
                let frozen = self.cluster.freeze()?;
                self.pause(500, 3000);
                drop(frozen);
                "PostgreSQL stood still".to_owned()
            }
            8 => {
                self.cluster.stop_immediately()?;
                self.pause(100, 1000);
                self.cluster.start()?;
                "PostgreSQL was killed".to_owned()
            }
            _ => {
                self.second_auth.kill()?;
                self.pause(100, 500);
                self.second_auth = self.auth.start()?;
                "auth was killed".to_owned()
            }
        })
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn setting(name: &str, usual: u64) -> Result<u64> {
    std::env::var(name).map_or(Ok(usual), |text| text.parse().with_context(|| name.to_owned()))
}

#[test]
fn nothing_is_lost_or_repeated_whatever_dies() -> Result<()> {
    let (faults, seed) = (setting("FAULTS", FAULTS)?, setting("FAULTS_SEED", 1)?);
    let mut world = World::launch(seed)?;
    let endpoints = world.deployment.endpoints.clone();
    let mut people = Vec::new();
    for number in 0..PEOPLE {
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
        outcome
    })?;
    check(&mut world, &people)
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
        ensure!(log.starts_with(&person.heard), "{} has heard something else", person.client.name);
        logs.push((person.client.id, log));
    }
    let mut count = 0;
    for person in people {
        for (id, to) in &person.sent {
            for account in [person.client.id, *to] {
                let (_, log) = logs.iter().find(|(id, _)| *id == account).context("no log")?;
                let times = log.iter().filter(|event| **event == message(*id)).count();
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
