//! The server's time, which does not jump (decision 17).
//!
//! The machine's clock is trusted as long as it agrees with the *trusted time*: the time of the last moment at which
//! the clock was trusted, plus the time that the monotonic clock has counted since. The table `clock` keeps the trusted
//! time over restarts. PostgreSQL's own clock must agree, too. While the machine's clock is in doubt, nothing is
//! deleted because of its age, and no session ends because of its age.
//!
//! A wrong time in messages does no lasting harm. So the time in messages follows a clock that has been ahead since the start of the
//! program, or for minutes, even while that clock is in doubt. The time in messages is never earlier than the trusted time.

mod day;
mod record;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Store;
use crate::limit::{CLOCK_FOLLOW_AFTER, CLOCK_SAME_WITHIN, CLOCK_STEP_MAX, CLOCK_WARN_INTERVAL};

pub use day::Day;

/// The machine's clock, in milliseconds since 1970-01-01 UTC.
pub(crate) fn wall_time() -> i64 {
    ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A reading of both clocks of the machine, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct ClockReading {
    /// The machine's clock, since 1970-01-01 UTC.
    wall: i64,
    /// The monotonic clock, since an arbitrary moment. It continues while the machine sleeps, and cannot be set.
    steady: i64,
}

impl ClockReading {
    fn now() -> Self {
        let steady = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self { wall: wall_time(), steady: steady.tv_sec * 1000 + steady.tv_nsec / 1_000_000 }
    }
}

/// The reason why the machine's clock is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockDoubt {
    /// The clock is ahead of the trusted time by this number of milliseconds, which may be negative.
    Differs(i64),
    /// The clock is ahead of PostgreSQL's clock by this number of milliseconds, which may be negative.
    Database(i64),
}

/// The state of the clock.
#[derive(Debug, Default)]
struct State {
    /// The trusted time at the moment `steady`.
    trusted: i64,
    steady: i64,
    /// For how long the programs have been running while the clock was ahead.
    doubted: i64,
    doubt: Option<ClockDoubt>,
    /// The moment of `steady` from which on messages carry the time of a clock that is in doubt.
    followed_from: i64,
    /// PostgreSQL's clock minus `steady`, if the database has a clock of its own.
    database: Option<i64>,
    /// How many times an operator has confirmed the clock, as far as this program knows.
    confirmed: i64,
    /// Whether an operator has confirmed the clock since this program started. Then PostgreSQL's clock is not compared.
    is_confirmed: bool,
    /// The last time that [`Store::now`] has returned.
    told: i64,
    /// The latest time that a message may carry, except times that were returned since.
    given: i64,
}

impl State {
    /// The state at the start, from the record in the database; zero: there is none.
    fn begin(record: record::Record, database: Option<i64>, look: ClockReading) -> Self {
        let mut state = Self {
            steady: look.steady,
            doubted: record.doubted,
            database,
            confirmed: record.confirmed,
            given: record.given,
            ..Self::default()
        };
        state.trusted = if record.seen == 0 { state.earlier(look) } else { record.seen };
        state.look(look);
        // Most likely the programs were stopped for the whole time by which the clock is ahead.
        state.followed_from = look.steady;
        state.told = state.shown(look);
        state
    }

    /// PostgreSQL's clock minus the machine's; 0 if there is none, or if it is not compared.
    fn database_ahead(&self, ClockReading { wall, steady }: ClockReading) -> i64 {
        self.database.filter(|_| !self.is_confirmed).map_or(0, |database| database + steady - wall)
    }

    /// The earlier one of the machine's and PostgreSQL's time. If they differ, one of the two is wrong.
    fn earlier(&self, look: ClockReading) -> i64 {
        let ahead = self.database_ahead(look);
        look.wall + if is_step(ahead) { ahead.min(0) } else { 0 }
    }

    /// Compares the clocks.
    fn look(&mut self, look: ClockReading) {
        let ClockReading { wall, steady } = look;
        let passed = (steady - self.steady).max(0);
        self.steady = steady;
        self.trusted += passed;
        let ahead = wall - self.trusted;
        let was_in_doubt = self.doubt.is_some();
        let database = self.database_ahead(look);
        self.doubt = if is_step(ahead) {
            self.doubted += if ahead > 0 { passed } else { 0 };
            let has_passed = ahead > 0 && self.doubted >= ahead && !is_step(database);
            (!has_passed).then_some(ClockDoubt::Differs(ahead))
        } else {
            is_step(database).then_some(ClockDoubt::Database(-database))
        };
        if self.doubt.is_none() {
            (self.trusted, self.doubted) = (wall, 0);
        } else if !was_in_doubt {
            // A machine without a battery for its clock sets it right soon after it was switched on.
            let is_booting = steady < ms(CLOCK_FOLLOW_AFTER);
            self.followed_from = steady + if is_booting { 0 } else { ms(CLOCK_FOLLOW_AFTER) };
        }
    }

    /// The time for new messages, unless a slightly later time was returned before.
    fn shown(&self, look: ClockReading) -> i64 {
        if self.doubt.is_none() {
            look.wall
        } else if look.steady >= self.followed_from {
            self.earlier(look).max(self.trusted)
        } else {
            self.trusted
        }
    }

    /// The earlier of `now` and the trusted time, by PostgreSQL's clock.
    fn shared(&self, now: i64, look: ClockReading) -> i64 {
        let ahead = self.database.map_or(0, |database| database + look.steady - self.trusted);
        now.min(self.trusted) + if ahead.abs() < ms(CLOCK_SAME_WITHIN) { 0 } else { ahead }
    }

    fn now(&mut self, look: ClockReading) -> i64 {
        self.look(look);
        let shown = self.shown(look);
        if self.told > shown && is_step(self.told - shown) {
            // The time that was returned has turned out to be wrong, and messages carry it.
            self.given = self.given.max(self.told);
            self.told = shown;
        }
        self.told = self.told.max(shown);
        self.told
    }

    /// An operator has confirmed, for the `confirmed`th time, that the clock was right when it showed `seen` a moment
    /// ago.
    fn confirm(&mut self, seen: i64, confirmed: i64, look: ClockReading) {
        (self.trusted, self.steady, self.doubted) = (seen, look.steady, 0);
        self.confirmed = confirmed;
        self.is_confirmed = true;
        self.look(look);
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Whether two clocks that differ this much cannot both be right.
fn is_step(difference: i64) -> bool {
    difference.abs() > ms(CLOCK_STEP_MAX)
}

/// The clock of one database's programs.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// The time of the last record in the database.
    recorded: Option<ClockReading>,
    /// The time of the last warning that the clock is in doubt, by the monotonic clock.
    warned: Option<i64>,
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the time counts as not recorded, so it is recorded at the next check.
    #[cfg(test)]
    pub(crate) fn forget_record(&self) {
        self.lock().recorded = None;
    }

    /// The earlier of `now` and the trusted time, so that nothing ends by its age because of a clock that jumped.
    pub(crate) fn trusted_by(&self, now: i64) -> i64 {
        let mut kept = self.lock();
        kept.state.look(ClockReading::now());
        now.min(kept.state.trusted)
    }

    /// As [`Clock::trusted_by`], by PostgreSQL's clock. All servers on a database agree on this time within about two seconds, so
    /// it is for what is short and is compared on another machine than it was written on.
    pub(crate) fn shared_by(&self, now: i64) -> i64 {
        let look = ClockReading::now();
        let mut kept = self.lock();
        kept.state.look(look);
        kept.state.shared(now, look)
    }

    /// As [`Clock::trusted_by`]; `None` while the clock is in doubt. Then nothing is deleted because of its age.
    pub(crate) fn sweep_by(&self, now: i64) -> Option<i64> {
        let mut kept = self.lock();
        kept.state.look(ClockReading::now());
        kept.state.doubt.is_none().then(|| now.min(kept.state.trusted))
    }

    /// Whether messages may carry a later time than `at`.
    pub(crate) fn has_given_later(&self, at: i64) -> bool {
        at < self.lock().state.given
    }
}

impl Store {
    /// The server's time, in milliseconds since 1970-01-01 UTC. It does not follow a jump of the machine's clock at
    /// once. It goes back only if it turns out to have been wrong.
    pub fn now(&self) -> i64 {
        self.clock.lock().state.now(ClockReading::now())
    }

    /// By how many milliseconds the machine's clock is ahead of the expected time (negative: behind); 0 while it is
    /// trusted.
    pub fn clock_doubt(&self) -> i64 {
        let mut kept = self.clock.lock();
        kept.state.look(ClockReading::now());
        match kept.state.doubt {
            None => 0,
            Some(ClockDoubt::Differs(ahead) | ClockDoubt::Database(ahead)) => ahead,
        }
    }

    /// Trusts the machine's clock if it shows `day` or the day after it, in UTC.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn confirm_clock(&self, day: Day) -> crate::Result<()> {
        let look = ClockReading::now();
        if !day.is_confirmed_at(look.wall) || self.clock_doubt() == 0 {
            return Ok(());
        }
        self.record_confirmed(look)?;
        tracing::info!("the machine's clock is confirmed");
        Ok(())
    }

    /// Logs that the clock is in doubt, at most once a minute.
    fn warn_of_clock(&self) {
        let look = ClockReading::now();
        let mut kept = self.clock.lock();
        let is_due = kept.warned.is_none_or(|at| look.steady - at >= ms(CLOCK_WARN_INTERVAL));
        let Some(doubt) = kept.state.doubt else {
            if kept.warned.take().is_some() {
                tracing::info!("the machine's clock is trusted again");
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
            ClockDoubt::Differs(ahead) if ahead > 0 => tracing::warn!(
                ahead_s = ahead / 1000,
                "the machine's clock is ahead of what this database has recorded: nothing is deleted because of its age. If the clock \
                 is wrong, set it; if the server was stopped for so long, wait {} minutes or start with --clock-confirmed {shows}",
                (ahead - doubted).max(0) / 60_000 + 1
            ),
            ClockDoubt::Differs(ahead) => tracing::warn!(
                behind_s = -ahead / 1000,
                "the machine's clock is behind what this database has recorded: nothing is deleted because of its age. Set the clock, or \
                 if it is right start with --clock-confirmed {shows}"
            ),
            ClockDoubt::Database(ahead) => tracing::warn!(
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
