//! Everything that runs in a schedule of faults, and the faults.

mod database;
mod fault;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use acceptance::Nats;
use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::harness::{Arrangement, Deployment, Interface, Launch, Link, Network, Server, faketime};
use database::{Database, NAME};
use fault::Fault;

pub const CHATS: usize = 3;
const BUSES: usize = 3;
/// A primary and its standby.
const DATABASES: usize = 2;
/// The `auth` server that stays, after the `chat` servers. It and the other one use links that nothing happens to.
const AUTH: usize = CHATS;
/// The `auth` server that is killed.
const SECOND_AUTH: usize = CHATS + 1;

/// The links of one server: to each database, and to NATS.
struct Links {
    databases: [Link; DATABASES],
    bus: Link,
}

/// A NATS server.
struct Bus {
    nats: Nats,
    interface: Interface,
}

/// Its servers end before their interfaces go.
pub struct World {
    databases: Vec<Database>,
    primary: usize,
    buses: Vec<Bus>,
    links: Vec<Links>,
    clocks: Vec<PathBuf>,
    pub deployment: Deployment,
    auth: Launch,
    second_auth: Server,
    /// Of the `chat` servers and the two `auth` servers.
    interfaces: Vec<Interface>,
    network: Network,
    random: u64,
    /// Faults that have not come yet.
    deck: Vec<Fault>,
    _dir: TempDir,
}

impl World {
    pub fn launch(seed: u64) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("messenger-world-").tempdir()?;
        let network = Network::new()?;
        let first = Database::first(&network)?;
        let second = Database::standby_of(&first, &network)?;
        let databases = vec![first, second];
        let buses = buses(&network)?;
        let interfaces = (0..=SECOND_AUTH).map(|_| network.interface());
        let interfaces = interfaces.collect::<Result<Vec<_>>>()?;
        let links = (0..=AUTH).map(|at| Links::make(&network, &databases, &buses[at % BUSES]));
        let links = links.collect::<Result<Vec<_>>>()?;
        let clocks: Vec<_> = (0..CHATS).map(|at| dir.path().join(format!("clock{at}"))).collect();
        let library = faketime()?;
        for clock in &clocks {
            set_clock(clock, "+0")?;
        }
        let url = links[AUTH].url();
        let at = Cell::new(0);
        let change = |launch: Launch| {
            let this = at.replace(at.get() + 1);
            let launch = launch.on(&interfaces[this].host);
            if this == AUTH {
                return launch;
            }
            let launch = launch.with_flag("--database", &links[this].url());
            launch
                .with_flag("--nats", &format!("nats://{}", links[this].bus.address()))
                .env("LD_PRELOAD", &library.display().to_string())
                .env("FAKETIME_TIMESTAMP_FILE", &clocks[this].display().to_string())
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        };
        let kind = Arrangement::Nodes(CHATS, url.clone(), false);
        // Afterwards whole logs are read.
        let deployment = Deployment::launch_with(&kind, &["--log-events=100000000"], change)?;
        let auth = Launch::new("auth", deployment.dir())?.with_flag("--database", &url);
        let auth = auth.on(&interfaces[SECOND_AUTH].host);
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
            interfaces,
            network,
            random: seed | 1,
            deck: Vec::new(),
            _dir: dir,
        };
        world.databases[world.primary].wait_for_standby()?;
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
}

fn set_clock(path: &Path, offset: &str) -> Result<()> {
    // Whoever reads it meanwhile finds the one or the other.
    let new = path.with_extension("new");
    fs::write(&new, offset)?;
    fs::rename(new, path).context("setting a clock")
}

/// Each knows the first one, and by it the others.
fn buses(network: &Network) -> Result<Vec<Bus>> {
    let mut first = None;
    let mut buses = Vec::new();
    for _ in 0..BUSES {
        let interface = network.interface()?;
        let own = format!("nats://{}:{}", interface.host.address(), free_port()?);
        let routes = first.get_or_insert_with(|| own.clone());
        let args = ["--cluster_name", "test", "--cluster", &own, "--routes", routes];
        buses.push(Bus { nats: Nats::start_on(&interface.host, &args)?, interface });
    }
    Ok(buses)
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Links {
    fn make(network: &Network, databases: &[Database], bus: &Bus) -> Result<Self> {
        let to = |address| Link::new(network.address(), address);
        let [one, two] = [0, 1].map(|at: usize| to(databases[at].cluster.listens_on()));
        Ok(Self { databases: [one?, two?], bus: to(bus.nats.address().parse()?)? })
    }

    fn url(&self) -> String {
        let [one, two] = [0, 1].map(|at: usize| self.databases[at].address());
        // Beyond loopback addresses TLS is expected.
        let parameters = "target_session_attrs=read-write&sslmode=disable";
        format!("postgres://postgres@{one},{two}/{NAME}?{parameters}")
    }
}
