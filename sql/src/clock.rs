//! The server's time, which does not jump.
//!
//! The machine's clock is believed as long as it agrees with the *trusted time*: the time that it last showed when it was believed,
//! and what the monotonic clock has counted since. The table `clock` keeps the trusted time over restarts. PostgreSQL has a clock of
//! its own, which must agree too. While the machine's clock is in doubt nothing is deleted and no session ends because of its age.

mod day;
mod record;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Store;
use crate::limit::{CLOCK_STEP_MAX, CLOCK_WARN_INTERVAL};

pub use day::Day;

/// Both clocks of the machine, in milliseconds.
#[derive(Clone, Copy)]
struct Look {
    /// Since 1970-01-01 UTC, as far as the machine knows.
    wall: i64,
    /// Since some moment, also while the machine sleeps. Nobody sets it.
    steady: i64,
}

impl Look {
    fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let steady = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self { wall: ms(wall), steady: steady.tv_sec * 1000 + steady.tv_nsec / 1_000_000 }
    }
}

/// Why the machine's clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It shows so many milliseconds more than the trusted time, or fewer.
    Differs(i64),
    /// It shows so many milliseconds more than PostgreSQL's clock, or fewer.
    Database(i64),
}

/// What is known about the time.
#[derive(Debug, Default)]
struct State {
    /// The trusted time at the moment `steady`.
    trusted: i64,
    steady: i64,
    /// What is added to the trusted time for new messages, after a start that came later than it: most likely the programs
    /// were stopped for so long.
    lead: i64,
    /// For how long the programs have been running while the clock was ahead.
    doubted: i64,
    doubt: Option<Doubt>,
    /// How much more PostgreSQL's clock shows than the machine's.
    database: i64,
    /// Whether the operator has confirmed the machine's clock, so that PostgreSQL's does not matter.
    is_confirmed: bool,
    /// The last time that was told.
    told: i64,
    /// The latest time that may be in a message, unless it was told since.
    given: i64,
}

impl State {
    /// Begins from what the database has recorded; zero: nothing. `database`: how much more its own clock shows.
    fn begin(record: record::Record, database: i64, look: Look) -> Self {
        // Where the database has another clock, one of the two is wrong: not the one that other programs have used before.
        let shown = look.wall + if is_step(database) { database } else { 0 };
        let trusted = if record.seen == 0 { shown } else { record.seen };
        let lead = if is_step(shown - trusted) { (shown - trusted).max(0) } else { 0 };
        let mut state = Self {
            trusted,
            steady: look.steady,
            lead,
            doubted: record.doubted,
            database,
            given: record.given,
            ..Self::default()
        };
        state.look(look);
        state.told = state.shown(look);
        state
    }

    /// Compares the clocks.
    fn look(&mut self, Look { wall, steady }: Look) {
        let passed = (steady - self.steady).max(0);
        self.steady = steady;
        self.trusted += passed;
        let ahead = wall - self.trusted;
        let was_in_doubt = self.doubt.is_some();
        let database = if self.is_confirmed { 0 } else { self.database };
        self.doubt = if is_step(ahead) {
            self.doubted += if ahead > 0 { passed } else { 0 };
            let has_passed = ahead > 0 && self.doubted >= ahead && !is_step(database);
            (!has_passed).then_some(Doubt::Differs(ahead))
        } else {
            is_step(database).then_some(Doubt::Database(-database))
        };
        if self.doubt.is_none() {
            (self.trusted, self.lead, self.doubted) = (wall, 0, 0);
            if was_in_doubt {
                // What was told may turn out to have been wrong, and messages carry it.
                self.given = self.given.max(self.told);
                self.told = wall;
            }
        }
    }

    /// What new messages carry, unless a later time was told before.
    fn shown(&self, look: Look) -> i64 {
        if self.doubt.is_none() { look.wall } else { self.trusted + self.lead }
    }

    fn now(&mut self, look: Look) -> i64 {
        self.look(look);
        self.told = self.told.max(self.shown(look));
        self.told
    }

    /// The operator says that the machine's clock is right.
    fn confirm(&mut self, look: Look) {
        self.given = self.given.max(self.told);
        (self.trusted, self.steady, self.told) = (look.wall, look.steady, look.wall);
        self.is_confirmed = true;
        self.look(look);
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Whether no clock that is right differs so much from another.
fn is_step(difference: i64) -> bool {
    difference.abs() > ms(CLOCK_STEP_MAX)
}

/// The clock of one database's programs.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    state: State,
    /// When the record was written last, and when it was last said that the clock is in doubt, by the monotonic clock.
    recorded: Option<i64>,
    warned: Option<i64>,
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `now`, but no later than the trusted time: what ends by its age has not ended because of a clock that jumped.
    pub(crate) fn trusted_by(&self, now: i64) -> i64 {
        let mut kept = self.lock();
        kept.state.look(Look::now());
        now.min(kept.state.trusted)
    }

    /// The same, or nothing while the clock is in doubt: then nothing is deleted because of its age.
    pub(crate) fn sweep_by(&self, now: i64) -> Option<i64> {
        let mut kept = self.lock();
        kept.state.look(Look::now());
        kept.state.doubt.is_none().then(|| now.min(kept.state.trusted))
    }

    /// Whether messages may carry a later time than `at`.
    pub(crate) fn has_given_later(&self, at: i64) -> bool {
        at < self.lock().state.given
    }
}

impl Store {
    /// The server's time, in milliseconds since 1970-01-01 UTC. It does not run backwards but where it turns out to have been wrong
    /// at the start, and does not jump while the program runs.
    pub fn now(&self) -> i64 {
        self.clock.lock().state.now(Look::now())
    }

    /// By how many milliseconds the machine's clock is ahead of what it should show, or behind; 0 while it is believed.
    pub fn clock_doubt(&self) -> i64 {
        let mut kept = self.clock.lock();
        kept.state.look(Look::now());
        match kept.state.doubt {
            None => 0,
            Some(Doubt::Differs(ahead) | Doubt::Database(ahead)) => ahead,
        }
    }

    /// Takes the machine's clock for right if it shows `day` or the day after it, in UTC.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn confirm_clock(&self, day: Day) -> crate::Result<()> {
        let look = Look::now();
        if !day.is_confirmed_at(look.wall) || self.clock_doubt() == 0 {
            return Ok(());
        }
        self.clock.lock().state.confirm(look);
        tracing::info!("the machine's clock is confirmed");
        self.record_confirmed(look.wall)
    }

    /// Says in the log that the clock is in doubt, at most once a minute.
    fn warn_of_clock(&self) {
        let look = Look::now();
        let mut kept = self.clock.lock();
        let is_due = kept.warned.is_none_or(|at| look.steady - at >= ms(CLOCK_WARN_INTERVAL));
        let Some(doubt) = kept.state.doubt else {
            if kept.warned.take().is_some() {
                tracing::info!("the machine's clock is believed again");
            }
            return;
        };
        if !is_due {
            return;
        }
        kept.warned = Some(look.steady);
        let doubted = kept.state.doubted;
        drop(kept);
        let shows = Day::of(look.wall);
        match doubt {
            Doubt::Differs(ahead) if ahead > 0 => tracing::warn!(
                ahead_s = ahead / 1000,
                "the machine's clock is ahead of what this database has recorded: nothing is deleted because of its age. If the clock \
                 is wrong, set it; if the server was stopped for so long, wait {} minutes or start with --clock-confirmed {shows}",
                (ahead - doubted).max(0) / 60_000 + 1
            ),
            Doubt::Differs(ahead) => tracing::warn!(
                behind_s = -ahead / 1000,
                "the machine's clock is behind what this database has recorded: nothing is deleted because of its age. Set the clock, or \
                 if it is right start with --clock-confirmed {shows}"
            ),
            Doubt::Database(ahead) => tracing::warn!(
                ahead_s = ahead / 1000,
                "the machine's clock and PostgreSQL's differ: nothing is deleted because of its age. Set the one that is wrong, or if this \
                 machine's is right start with --clock-confirmed {shows}"
            ),
        }
    }
}

#[cfg(test)]
#[path = "clock/tests.rs"]
mod tests;
