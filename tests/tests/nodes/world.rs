//! Everything that runs in a schedule of faults, and the faults.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use acceptance::{Cluster, Nats, until};
use anyhow::{Context, Result};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Arrangement, Deployment, Disk, Launch, Link, Server, Traffic, faketime};

pub const CHATS: usize = 3;
const BUSES: usize = 3;
/// A primary and its standby.
const DATABASES: usize = 2;
/// The `auth` server that is killed, and the other one, use links that nothing happens to.
const AUTH_LINKS: usize = CHATS;
/// Megabytes of each database's disk, unless `FAULTS_DISK` says otherwise.
const DISK_MB: u64 = 512;
/// A cluster of the tests comes up, or a standby catches up, within this time.
const DATABASE_WITHIN: Duration = Duration::from_secs(60);
/// The database of the servers.
const NAME: &str = "messenger";

/// The links of one server: to each database, and to NATS.
struct Links {
    databases: [Link; DATABASES],
    bus: Link,
}

/// A PostgreSQL server on a disk of its own, if that is permitted.
struct Database {
    cluster: Cluster,
    disk: Option<Disk>,
    _dir: TempDir,
}

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Fault {
    ChatKilled,
    ChatStopped,
    ChatClock,
    AuthKilled,
    NatsKilled,
    NatsStopped,
    NatsCut,
    PrimaryKilled,
    PrimaryStopped,
    StandbyKilled,
    StandbyStopped,
    Failover,
    DiskFull,
    DatabaseCut,
    DatabaseSlow,
    DatabaseNoAnswers,
    DatabaseNoRequests,
}

/// Each of them comes once before one comes again.
const FAULTS: [Fault; 17] = [
    Fault::ChatKilled,
    Fault::ChatStopped,
    Fault::ChatClock,
    Fault::AuthKilled,
    Fault::NatsKilled,
    Fault::NatsStopped,
    Fault::NatsCut,
    Fault::PrimaryKilled,
    Fault::PrimaryStopped,
    Fault::StandbyKilled,
    Fault::StandbyStopped,
    Fault::Failover,
    Fault::DiskFull,
    Fault::DatabaseCut,
    Fault::DatabaseSlow,
    Fault::DatabaseNoAnswers,
    Fault::DatabaseNoRequests,
];

/// How many different faults there are.
pub const KINDS: u64 = FAULTS.len() as u64;

/// How far a clock steps.
const STEPS: [&str; 4] = ["+20m", "-20m", "+3d", "-3d"];

pub struct World {
    databases: Vec<Database>,
    primary: usize,
    buses: Vec<Nats>,
    links: Vec<Links>,
    clocks: Vec<PathBuf>,
    pub deployment: Deployment,
    auth: Launch,
    second_auth: Server,
    random: u64,
    /// Faults that have not come yet.
    deck: Vec<Fault>,
    _dir: TempDir,
}

impl World {
    pub fn launch(seed: u64) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("messenger-world-").tempdir()?;
        let first = Database::make(Cluster::make_in)?;
        first.cluster.start_with(SETTINGS)?;
        first.cluster.create(NAME)?;
        let second = Database::make(|at| first.cluster.make_standby_in(at))?;
        second.cluster.start_with(SETTINGS)?;
        let databases = vec![first, second];
        let buses = buses()?;
        let links = (0..=CHATS).map(|at| Links::make(&databases, &buses[at % BUSES]));
        let links = links.collect::<Result<Vec<_>>>()?;
        let clocks: Vec<_> = (0..CHATS).map(|at| dir.path().join(format!("clock{at}"))).collect();
        let library = faketime()?;
        for clock in &clocks {
            set_clock(clock, "+0")?;
        }
        let url = links[AUTH_LINKS].url();
        let at = Cell::new(0);
        let change = |launch: Launch| {
            let this = at.replace(at.get() + 1);
            // The last one is `auth`.
            let Some(links) = links.get(this).filter(|_| this < CHATS) else { return launch };
            let launch = launch.with_flag("--database", &links.url());
            let launch =
                launch.with_flag("--nats", &format!("nats://127.0.0.1:{}", links.bus.port()));
            launch
                .env("LD_PRELOAD", &library.display().to_string())
                .env("FAKETIME_TIMESTAMP_FILE", &clocks[this].display().to_string())
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        };
        let kind = Arrangement::Nodes(CHATS, url.clone(), false);
        // Afterwards whole logs are read.
        let deployment = Deployment::launch_with(&kind, &["--log-events=100000000"], change)?;
        let flags = ["--listen=127.0.0.1:0".to_owned(), format!("--database={url}")];
        let auth = Launch::new("auth", deployment.dir())?.args(&flags);
        let mut second_auth = auth.start()?;
        second_auth.address("auth")?;
        let world = Self {
            databases,
            primary: 0,
            buses,
            links,
            clocks,
            deployment,
            auth,
            second_auth,
            random: seed | 1,
            deck: Vec::new(),
            _dir: dir,
        };
        world.wait_for_standby()?;
        Ok(world)
    }

    /// The next number of the schedule, below `end`.
    pub fn random(&mut self, end: u64) -> u64 {
        // xorshift64: the same seed is the same schedule.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }

    pub fn pause(&mut self, from_ms: u64, to_ms: u64) {
        let time = from_ms + self.random(to_ms - from_ms);
        thread::sleep(Duration::from_millis(time));
    }

    /// One fault, and its end; says which.
    pub fn fault(&mut self) -> Result<String> {
        if self.deck.is_empty() {
            self.deck.extend(FAULTS);
        }
        let at = self.random(self.deck.len() as u64) as usize;
        let fault = self.deck.swap_remove(at);
        let chat = self.random(CHATS as u64) as usize;
        let bus = self.random(BUSES as u64) as usize;
        let (primary, standby) = (self.primary, 1 - self.primary);
        Ok(match fault {
            Fault::ChatKilled => {
                self.deployment.kill(chat)?;
                self.pause(100, 1500);
                self.deployment.restart(chat)?;
                format!("chat {chat} was killed")
            }
            Fault::ChatStopped => {
                self.deployment.servers[chat].signal(Signal::STOP)?;
                self.pause(500, 3000);
                self.deployment.servers[chat].signal(Signal::CONT)?;
                format!("chat {chat} stood still")
            }
            Fault::ChatClock => {
                let step = STEPS[self.random(STEPS.len() as u64) as usize];
                set_clock(&self.clocks[chat], step)?;
                self.pause(1500, 3000);
                set_clock(&self.clocks[chat], "+0")?;
                format!("the clock of chat {chat} stepped by {step} and back")
            }
            Fault::AuthKilled => {
                self.second_auth.kill()?;
                self.pause(100, 500);
                self.second_auth = self.auth.start()?;
                "auth was killed".to_owned()
            }
            Fault::NatsKilled => {
                self.buses[bus].kill()?;
                self.pause(100, 2000);
                self.buses[bus].restart()?;
                format!("NATS {bus} was killed")
            }
            Fault::NatsStopped => {
                self.buses[bus].signal(Signal::STOP)?;
                self.pause(500, 3000);
                self.buses[bus].signal(Signal::CONT)?;
                format!("NATS {bus} stood still")
            }
            Fault::NatsCut => {
                self.links[chat].bus.set(Traffic::Cut);
                self.pause(500, 3000);
                self.links[chat].bus.set(Traffic::Open);
                format!("the link of chat {chat} to NATS was cut")
            }
            Fault::PrimaryKilled => {
                self.databases[primary].cluster.stop_immediately()?;
                self.pause(100, 1000);
                self.databases[primary].cluster.start_with(SETTINGS)?;
                "the primary was killed".to_owned()
            }
            Fault::PrimaryStopped => {
                let frozen = self.databases[primary].cluster.freeze()?;
                self.pause(500, 3000);
                drop(frozen);
                "the primary stood still".to_owned()
            }
            Fault::StandbyKilled => {
                self.databases[standby].cluster.stop_immediately()?;
                self.pause(100, 1000);
                self.databases[standby].cluster.start_with(SETTINGS)?;
                "the standby was killed".to_owned()
            }
            Fault::StandbyStopped => {
                let frozen = self.databases[standby].cluster.freeze()?;
                self.pause(500, 3000);
                drop(frozen);
                "the standby stood still".to_owned()
            }
            Fault::Failover => {
                self.fail_over()?;
                "the primary was lost, the standby was promoted, and a new standby was made"
                    .to_owned()
            }
            Fault::DiskFull => self.fill_disk()?,
            Fault::DatabaseCut => self.disturb(chat, Traffic::Cut, "was cut"),
            Fault::DatabaseSlow => {
                let delay = 10 + self.random(90);
                let traffic = Traffic::Slow(Duration::from_millis(delay));
                self.disturb(chat, traffic, &format!("had a delay of {delay} ms"))
            }
            Fault::DatabaseNoAnswers => {
                self.disturb(chat, Traffic::NoAnswers, "let no answers through")
            }
            Fault::DatabaseNoRequests => {
                self.disturb(chat, Traffic::NoRequests, "let no requests through")
            }
        })
    }

    fn disturb(&mut self, chat: usize, traffic: Traffic, what: &str) -> String {
        let set = |world: &Self, traffic| {
            world.links[chat].databases.iter().for_each(|link| link.set(traffic));
        };
        set(self, traffic);
        self.pause(500, 3000);
        set(self, Traffic::Open);
        format!("the link of chat {chat} to PostgreSQL {what}")
    }

    /// What was confirmed is on the standby, which takes over. The lost one does not come back.
    fn fail_over(&mut self) -> Result<()> {
        let (lost, promoted) = (self.primary, 1 - self.primary);
        self.databases[lost].cluster.stop_immediately()?;
        let cluster = &self.databases[promoted].cluster;
        cluster.sql(&cluster.url("postgres"), "select pg_promote()")?;
        self.primary = promoted;
        // Nobody is there to wait for.
        set_synchronous(cluster, "")?;
        let standby = Database::make(|at| cluster.make_standby_in(at))?;
        standby.cluster.start_with(SETTINGS)?;
        for links in &self.links {
            links.databases[lost].lead_to(standby.cluster.port());
        }
        self.databases[lost] = standby;
        self.wait_for_standby()
    }

    /// From now on commits wait for the standby.
    fn wait_for_standby(&self) -> Result<()> {
        let cluster = &self.databases[self.primary].cluster;
        let url = cluster.url("postgres");
        until("the standby", DATABASE_WITHIN, || {
            let streams = "do $$ begin if not exists (select from pg_stat_replication where state = 'streaming') \
                           then raise 'not yet'; end if; end $$";
            Ok(cluster.sql(&url, streams).ok())
        })?;
        set_synchronous(cluster, "*")
    }

    fn fill_disk(&mut self) -> Result<String> {
        let Some(disk) = &self.databases[self.primary].disk else {
            return Ok("nothing: a small disk cannot be mounted without root".to_owned());
        };
        let filler = disk.fill()?;
        self.pause(500, 2000);
        fs::remove_file(filler)?;
        let cluster = &self.databases[self.primary].cluster;
        // It ends if it has no room for its own log.
        if until("PostgreSQL", DATABASE_WITHIN / 12, || {
            Ok(cluster.sql(&cluster.url("postgres"), "select 1").ok())
        })
        .is_err()
        {
            cluster.stop_immediately()?;
            cluster.start_with(SETTINGS)?;
        }
        Ok("the disk of the primary was full".to_owned())
    }
}

/// Small, so that a disk has room for it.
const SETTINGS: &[&str] = &["max_wal_size=96MB", "min_wal_size=32MB", "wal_keep_size=64MB"];

fn set_synchronous(cluster: &Cluster, names: &str) -> Result<()> {
    let url = cluster.url("postgres");
    cluster.sql(&url, &format!("alter system set synchronous_standby_names = '{names}'"))?;
    cluster.sql(&url, "select pg_reload_conf()")
}

fn set_clock(path: &Path, offset: &str) -> Result<()> {
    // Whoever reads it meanwhile finds the one or the other.
    let new = path.with_extension("new");
    fs::write(&new, offset)?;
    fs::rename(new, path).context("setting a clock")
}

fn buses() -> Result<Vec<Nats>> {
    let first = free_port()?;
    let mut buses = Vec::new();
    for bus in 0..BUSES {
        let port = if bus == 0 { first } else { free_port()? };
        let (own, routes) =
            (format!("nats://127.0.0.1:{port}"), format!("nats://127.0.0.1:{first}"));
        let args = ["--cluster_name", "test", "--cluster", &own, "--routes", &routes];
        buses.push(Nats::start(&args)?);
    }
    Ok(buses)
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Links {
    fn make(databases: &[Database], bus: &Nats) -> Result<Self> {
        let to = |at: usize| Link::to(databases[at].cluster.port());
        let address = bus.address();
        let (_, port) = address.rsplit_once(':').context("an address without a port")?;
        Ok(Self { databases: [to(0)?, to(1)?], bus: Link::to(port.parse()?)? })
    }

    fn url(&self) -> String {
        let [one, two] = [0, 1].map(|at| self.databases[at].port());
        format!(
            "postgres://postgres@127.0.0.1:{one},127.0.0.1:{two}/{NAME}?target_session_attrs=read-write"
        )
    }
}

impl Database {
    fn make(make: impl Fn(&Path) -> Result<Cluster>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("messenger-disk-").tempdir()?;
        let size = super::schedule::setting("FAULTS_DISK", DISK_MB)?;
        let disk = Disk::mount(dir.path(), &format!("size={size}m"))?;
        Ok(Self { cluster: make(dir.path())?, disk, _dir: dir })
    }
}
