//! Every story in every arrangement of programs and databases that it fits: `stories::ARRANGEMENT::STORY`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use acceptance::{Endpoints, Needs, STORIES, Story};
use anyhow::{Context, Result, ensure};

use crate::harness::{Arrangement, Deployment};

macro_rules! tests {
    ($shared:ident: $($name:ident)*) => {
        $(#[test]
        fn $name() -> anyhow::Result<()> {
            super::$shared.run(stringify!($name))
        })*
    };
}

macro_rules! arrangements {
    (Anyone: $($anyone:ident)*; Guests: $($guests:ident)*; Accounts: $($accounts:ident)*;) => {
        /// `chat` alone, for guests.
        mod guests {
            tests!(GUESTS: $($anyone)* $($guests)*);
        }
        /// `messenger` on an SQLite file.
        mod messenger {
            tests!(MESSENGER: $($anyone)* $($accounts)*);
        }
        /// `chat` and `auth` on one SQLite file.
        mod pair_on_sqlite {
            tests!(PAIR_ON_SQLITE: $($anyone)* $($accounts)*);
        }
        /// `chat` and `auth` on one PostgreSQL database.
        mod pair_on_postgresql {
            tests!(PAIR_ON_POSTGRESQL: $($anyone)* $($accounts)*);
        }
        /// Three `chat`, connected by NATS, and `auth` on one PostgreSQL database: each connection goes to the next node.
        mod nodes_with_nats {
            tests!(NODES_WITH_NATS: $($anyone)* $($accounts)*);
        }
    };
}

acceptance::stories!(arrangements);

static GUESTS: Shared = Shared::new(|| Ok(Arrangement::Guests));
static MESSENGER: Shared = Shared::new(|| Ok(Arrangement::Messenger));
static PAIR_ON_SQLITE: Shared = Shared::new(|| Ok(Arrangement::Pair));
static PAIR_ON_POSTGRESQL: Shared = Shared::new(Arrangement::postgres);
static NODES_WITH_NATS: Shared = Shared::new(|| Arrangement::nodes(3, true));

#[test]
fn every_story_has_a_name_of_its_own_and_every_arrangement_has_stories() {
    let mut names: Vec<_> = STORIES.iter().map(|story| story.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), STORIES.len());
    for needs in [Needs::Accounts, Needs::Guests, Needs::Anyone] {
        assert!(STORIES.iter().any(|story| story.needs == needs), "{needs:?}");
    }
}

/// The programs of one arrangement, for all stories that run at the same time: the first starts them, the last ends them.
struct Shared {
    arrangement: fn() -> Result<Arrangement>,
    current: Mutex<Current>,
}

struct Current {
    deployment: Option<Deployment>,
    users: usize,
}

impl Shared {
    const fn new(arrangement: fn() -> Result<Arrangement>) -> Self {
        Self { arrangement, current: Mutex::new(Current { deployment: None, users: 0 }) }
    }

    fn run(&'static self, name: &str) -> Result<()> {
        let story = Story::named(name).context("no such story")?;
        let lease = self.acquire()?;
        let outcome = (story.run)(&lease.endpoints);
        let ended = lease.release();
        outcome.and(ended)
    }

    fn acquire(&'static self) -> Result<Lease> {
        let mut current = self.lock();
        if current.deployment.is_none() {
            let arrangement = (self.arrangement)()?;
            current.deployment = Some(Deployment::launch(&arrangement, &["--contact=request"])?);
        }
        let endpoints = current.deployment.as_ref().context("no deployment")?.endpoints.clone();
        current.users += 1;
        Ok(Lease { shared: Some(self), endpoints })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use of shared programs by one story.
struct Lease {
    /// None once the use has ended.
    shared: Option<&'static Shared>,
    endpoints: Endpoints,
}

impl Lease {
    /// Ends the use. The last one stops the programs, which must do so in order and must not have panicked.
    fn release(mut self) -> Result<()> {
        let Some(mut deployment) = self.give_up() else { return Ok(()) };
        deployment.runs()?;
        let log: String = deployment.stop()?.iter().map(|server| server.log()).collect();
        ensure!(!log.contains(" panic place="), "a thread of a server panicked");
        Ok(())
    }

    /// The programs, if nobody else uses them.
    fn give_up(&mut self) -> Option<Deployment> {
        let mut current = self.shared.take()?.lock();
        current.users -= 1;
        if current.users == 0 { current.deployment.take() } else { None }
    }
}

impl Drop for Lease {
    /// A story has panicked: its programs must not outlive the tests.
    fn drop(&mut self) {
        drop(self.give_up());
    }
}
