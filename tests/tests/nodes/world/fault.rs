//! The faults of a schedule.

use std::fs;
use std::time::Duration;

use acceptance::until;
use anyhow::Result;
use rustix::process::Signal;

use super::database::{DATABASE_WITHIN, Database};
use super::{BUSES, CHATS, World, set_clock};
use crate::harness::{Interface, Traffic};

/// What may happen.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
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
    UnconfirmedLost,
    GivenUpLost,
    DiskFull,
    DatabaseCut,
    DatabaseSlow,
    DatabaseNoAnswers,
    DatabaseNoRequests,
    ChatDown,
    NatsDown,
    PrimaryDown,
    StandbyDown,
}

/// Each of them comes once before one comes again.
const FAULTS: [Fault; 19] = [
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
    Fault::UnconfirmedLost,
    Fault::GivenUpLost,
    Fault::DiskFull,
    Fault::DatabaseCut,
    Fault::DatabaseSlow,
    Fault::DatabaseNoAnswers,
    Fault::DatabaseNoRequests,
];

/// The same for those that need network namespaces.
const INTERFACE_FAULTS: [Fault; 4] =
    [Fault::ChatDown, Fault::NatsDown, Fault::PrimaryDown, Fault::StandbyDown];

/// How far a clock steps.
const STEPS: [&str; 4] = ["+20m", "-20m", "+3d", "-3d"];

impl World {
    /// How many different faults there are.
    pub fn kinds(&self) -> u64 {
        self.faults().len() as u64
    }

    fn faults(&self) -> Vec<Fault> {
        let of_interfaces: &[Fault] =
            if self.network.has_interfaces() { &INTERFACE_FAULTS } else { &[] };
        [&FAULTS, of_interfaces].concat()
    }

    /// One fault, and its end; says which.
    pub fn fault(&mut self) -> Result<String> {
        if self.deck.is_empty() {
            self.deck = self.faults();
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
                self.buses[bus].nats.kill()?;
                self.pause(100, 2000);
                self.buses[bus].nats.restart()?;
                format!("NATS {bus} was killed")
            }
            Fault::NatsStopped => {
                self.buses[bus].nats.signal(Signal::STOP)?;
                self.pause(500, 3000);
                self.buses[bus].nats.signal(Signal::CONT)?;
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
                self.databases[primary].start()?;
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
                self.databases[standby].start()?;
                "the standby was killed".to_owned()
            }
            Fault::StandbyStopped => {
                let frozen = self.databases[standby].cluster.freeze()?;
                self.pause(500, 3000);
                drop(frozen);
                "the standby stood still".to_owned()
            }
            Fault::Failover => {
                self.databases[primary].cluster.stop_immediately()?;
                self.fail_over()?;
                "the primary was lost, the standby was promoted, and a new standby was made"
                    .to_owned()
            }
            Fault::UnconfirmedLost => {
                self.lose_unconfirmed(Self::crash_primary)?;
                "the primary crashed without its standby, came back, and was lost; the standby was promoted"
                    .to_owned()
            }
            Fault::GivenUpLost => {
                self.lose_unconfirmed(|world| {
                    world.pause(11_500, 13_000);
                    Ok(())
                })?;
                "the standby was away for longer than a commit may take, and took over without the primary"
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
            Fault::ChatDown => {
                self.cut_off(|world| &world.interfaces[chat])?;
                format!("the interface of chat {chat} was down")
            }
            Fault::NatsDown => {
                self.cut_off(|world| &world.buses[bus].interface)?;
                format!("the interface of NATS {bus} was down")
            }
            Fault::PrimaryDown => {
                self.cut_off(|world| &world.databases[primary].interface)?;
                "the interface of the primary was down".to_owned()
            }
            Fault::StandbyDown => {
                self.cut_off(|world| &world.databases[standby].interface)?;
                "the interface of the standby was down".to_owned()
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

    /// Nothing reaches this server and nothing leaves it for a while.
    fn cut_off(&mut self, server: impl Fn(&Self) -> &Interface) -> Result<()> {
        server(self).down()?;
        self.pause(500, 3000);
        server(self).up()
    }

    /// What the primary stores while its standby is away is confirmed to nobody. The standby takes over without it.
    fn lose_unconfirmed(&mut self, meanwhile: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let (primary, standby) = (self.primary, 1 - self.primary);
        self.databases[standby].cluster.stop_immediately()?;
        meanwhile(self)?;
        self.databases[primary].cluster.stop_immediately()?;
        self.databases[standby].start()?;
        self.fail_over()
    }

    /// After a crash the primary has what nobody has confirmed.
    fn crash_primary(&mut self) -> Result<()> {
        self.pause(300, 800);
        self.databases[self.primary].cluster.stop_immediately()?;
        self.databases[self.primary].start()?;
        self.pause(500, 1500);
        Ok(())
    }

    /// What was confirmed is on the standby, which takes over. The lost one does not come back.
    fn fail_over(&mut self) -> Result<()> {
        let (lost, promoted) = (self.primary, 1 - self.primary);
        let cluster = &self.databases[promoted].cluster;
        cluster.sql(&cluster.url("postgres"), "select pg_promote()")?;
        self.primary = promoted;
        // Nobody is there to wait for.
        cluster.wait_for_standby(&cluster.url("postgres"), "")?;
        let standby = Database::standby_of(&self.databases[promoted], &self.network)?;
        for links in &self.links {
            links.databases[lost].lead_to(standby.cluster.listens_on());
        }
        self.databases[lost] = standby;
        self.databases[promoted].wait_for_standby()
    }

    fn fill_disk(&mut self) -> Result<String> {
        let database = &self.databases[self.primary];
        let Some(disk) = &database.disk else {
            return Ok("nothing: a small disk cannot be mounted without root".to_owned());
        };
        let filler = disk.fill()?;
        self.pause(500, 2000);
        fs::remove_file(filler)?;
        let database = &self.databases[self.primary];
        let cluster = &database.cluster;
        // It ends if it has no room for its own log.
        if until("PostgreSQL", DATABASE_WITHIN / 12, || {
            Ok(cluster.sql(&cluster.url("postgres"), "select 1").ok())
        })
        .is_err()
        {
            cluster.stop_immediately()?;
            database.start()?;
        }
        Ok("the disk of the primary was full".to_owned())
    }
}
