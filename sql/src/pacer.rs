//! Background work in short steps, so that the writes of requests do not wait for it.
//!
//! SQLite has one writer, and PostgreSQL locks the rows of a transaction. So a message that is sent during a step waits for the step.
//! Therefore the steps are short, and the writer rests after each. While requests write as well, a step takes about [`STEP_TIME`], and
//! the rest is [`REST`] times as long as the step. While nobody else writes, the steps are longer and the rests are short, so a
//! backlog is deleted as fast as the database can.
//!
//! Writes of other processes cannot be counted. They are assumed if a step has waited for the writer, or has taken much longer than
//! the steps before it. There is always some rest, so that other processes get their turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::pool::Requester;
use crate::{Error, Result, Store};

/// How long a step should take while requests write.
const STEP_TIME: Duration = Duration::from_millis(2);
/// How long a step should take while nobody else writes.
const STEP_TIME_ALONE: Duration = Duration::from_millis(8);
/// How many times as long as its last step the writer rests while requests write.
const REST: u32 = 4;
/// The rest while nobody else writes, as a part of the last step, on SQLite. Only processes of this machine use the database.
const REST_ALONE_SQLITE: f64 = 0.25;
/// The same on PostgreSQL, which may serve many other processes.
const REST_ALONE_POSTGRESQL: f64 = 1.0;
/// The shortest rest.
const REST_MIN: Duration = Duration::from_millis(1);
/// The longest rest. A step that would need a longer one has most likely waited for others.
const REST_MAX: Duration = Duration::from_millis(200);
/// A step that waits longer for the writer has waited for another process.
const WAIT_MAX: Duration = Duration::from_millis(2);
/// How many times as long as the average step one may take before it counts as slowed down by others.
const SLOW: u32 = 2;
/// Rows of the shortest step while requests write, also if they take longer than a step should.
const ROWS_MIN: i64 = 8;
/// Rows of the shortest step while nobody else writes. It is larger, since on a slow disk a commit takes longer than its rows.
const ROWS_MIN_ALONE: i64 = 64;
/// Rows of the longest step.
pub(crate) const ROWS_MAX: i64 = 1000;

/// Writes of one process that are not background work: how many have begun, and how many are waiting or running now.
#[derive(Debug, Default)]
pub(crate) struct ForegroundWrites {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A write in progress.
pub(crate) struct ForegroundWrite<'a>(&'a ForegroundWrites);

impl ForegroundWrites {
    /// Counts a write, from before it waits for a connection until the guard is dropped.
    pub(crate) fn begin(&self) -> ForegroundWrite<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        ForegroundWrite(self)
    }

    /// Whether a write is in progress, or has begun since `seen` was set. Sets `seen` to now.
    fn since(&self, seen: &mut u64) -> bool {
        let ended = self.ended.load(Ordering::Relaxed);
        let begun = self.begun.load(Ordering::Relaxed);
        std::mem::replace(seen, begun) != begun || ended != begun
    }
}

impl Drop for ForegroundWrite<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The size of the next step.
pub(crate) struct Pacer {
    rows: i64,
    /// The average time of the steps so far; recent ones weigh more.
    average: Duration,
    /// [`ForegroundWrites::begun`] after the last step.
    seen: u64,
    /// Whether other writes of this process were waiting at the last step, or had begun since the one before.
    was_shared: bool,
    /// No step begins after this time.
    until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new() -> Self {
        Self { rows: ROWS_MIN, average: Duration::ZERO, seen: 0, was_shared: false, until: None }
    }

    /// A pacer for work that a request waits for: no step begins after `until`.
    pub(crate) fn until(until: Instant) -> Self {
        Self { until: Some(until), ..Self::new() }
    }

    /// Whether a step that took `time` was most likely slowed down by another process.
    fn is_slowed(&mut self, time: Duration) -> bool {
        let is_slowed = time > 2 * STEP_TIME_ALONE && time > SLOW * self.average;
        self.average = (self.average * 3 + time) / 4;
        is_slowed
    }

    /// Sets the size of the next step from the time of the last one, and returns how long to rest before it. `alone`: the rest as a part
    /// of the step while nobody else writes; `None`: others write. A step has at most twice the rows of the one before.
    fn record(&mut self, time: Duration, alone: Option<f64>) -> Duration {
        let (goal, rows_min) = match alone {
            Some(_) => (STEP_TIME_ALONE, ROWS_MIN_ALONE),
            None => (STEP_TIME, ROWS_MIN),
        };
        let fit = self.rows as f64 * goal.as_secs_f64() / time.as_secs_f64().max(1e-9);
        let fit = (fit as i64).clamp(rows_min, ROWS_MAX);
        self.rows = fit.min(2 * self.rows);
        time.mul_f64(alone.unwrap_or(f64::from(REST))).clamp(REST_MIN, REST_MAX)
    }
}

impl Store {
    /// Runs one step of `work` in a transaction, and rests. `work` gets the number of rows that it may touch.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the time of `pacer` is over. Earlier steps stay committed.
    pub(crate) fn write_paced<T>(
        &self,
        pacer: &mut Pacer,
        mut work: impl FnMut(&mut dyn Engine, i64) -> Result<T>,
    ) -> Result<T> {
        let (rows, entered) = (pacer.rows, Instant::now());
        if pacer.until.is_some_and(|until| until <= entered) {
            return Err(Error::TimedOut("work in steps".to_owned()));
        }
        let mut began = entered;
        let done = self.write_in_background(Requester::Server, |engine| {
            // The time before this was spent waiting for the writer.
            began = Instant::now();
            work(engine, rows)
        });
        pacer.was_shared = self.foreground_writes.since(&mut pacer.seen);
        let has_waited = began - entered > WAIT_MAX;
        let is_slowed = pacer.is_slowed(began.elapsed());
        let alone = match self.engine() {
            _ if pacer.was_shared || has_waited || is_slowed => None,
            "sqlite" => Some(REST_ALONE_SQLITE),
            _ => Some(REST_ALONE_POSTGRESQL),
        };
        std::thread::sleep(pacer.record(began.elapsed(), alone));
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::DatabaseUrl;

    fn store(url: &DatabaseUrl) -> Store {
        Store::open(url, crate::ContactPolicy::Open, &|_| false).unwrap()
    }

    fn in_memory() -> Store {
        store(&"sqlite::memory:".parse().unwrap())
    }

    #[test]
    fn no_step_begins_after_the_time_is_over() {
        let store = in_memory();
        let mut steps = 0;
        let mut step = |pacer: &mut Pacer| {
            store.write_paced(pacer, |_, _| {
                steps += 1;
                Ok(())
            })
        };
        step(&mut Pacer::until(Instant::now() + Duration::from_secs(60))).unwrap();
        let late = step(&mut Pacer::until(Instant::now()));
        assert!(matches!(late, Err(Error::TimedOut(_))), "{late:?}");
        assert_eq!(steps, 1);
    }

    #[test]
    fn a_step_beside_requests_is_as_long_as_its_time_allows() {
        let mut pacer = Pacer::new();
        for _ in 0..99 {
            pacer.record(Duration::ZERO, None);
        }
        assert_eq!(pacer.rows, ROWS_MAX);
        let rest = pacer.record(10 * STEP_TIME, None);
        assert_eq!((pacer.rows, rest), (ROWS_MAX / 10, 10 * STEP_TIME * REST));
        assert_eq!(pacer.record(Duration::from_secs(60), None), REST_MAX);
        assert_eq!((pacer.rows, pacer.record(Duration::ZERO, None)), (ROWS_MIN, REST_MIN));
        assert_eq!(pacer.rows, 2 * ROWS_MIN, "no more than twice the one before");
    }

    #[test]
    fn a_step_alone_is_longer_and_rests_for_less_than_it_took() {
        let mut pacer = Pacer { rows: ROWS_MAX, ..Pacer::new() };
        let rest = pacer.record(2 * STEP_TIME_ALONE, Some(REST_ALONE_SQLITE));
        assert_eq!((pacer.rows, rest), (ROWS_MAX / 2, STEP_TIME_ALONE / 2));
        pacer.record(Duration::from_secs(60), Some(REST_ALONE_SQLITE));
        assert_eq!(pacer.rows, ROWS_MIN_ALONE);
        pacer.record(STEP_TIME_ALONE, None);
        assert_eq!(pacer.rows, ROWS_MIN_ALONE / 4, "the first request makes it short at once");
    }

    #[test]
    fn a_step_that_takes_much_longer_than_those_before_it_is_slowed_by_others() {
        let mut pacer = Pacer::new();
        // The database is slow: that alone is no sign of others.
        for _ in 0..99 {
            pacer.is_slowed(Duration::from_millis(30));
        }
        assert!(!pacer.is_slowed(Duration::from_millis(30)));
        assert!(pacer.is_slowed(Duration::from_millis(90)));
    }

    /// The writer rests for long exactly if somebody else's write waited for the step, or has begun since the last one.
    #[test]
    fn a_write_that_waits_or_has_begun_makes_the_writer_rest() {
        let store = in_memory();
        let mut pacer = Pacer::new();
        let mut before_all = 0;
        store.foreground_writes.since(&mut before_all);
        let is_shared = || {
            let mut seen = before_all;
            store.foreground_writes.since(&mut seen)
        };
        store.write_paced(&mut pacer, |_, _| Ok(())).unwrap();
        assert!(!is_shared(), "background work is not somebody else's write");
        store.write(Requester::Stranger, |_| Ok(())).unwrap();
        assert!(is_shared(), "it has begun since");
        let before = pacer.seen;
        store.write_paced(&mut pacer, |_, _| Ok(())).unwrap();
        assert!(pacer.seen > before && !store.foreground_writes.since(&mut pacer.seen));
        std::thread::scope(|scope| {
            let step = |_: &mut dyn Engine, _| {
                let begun = store.foreground_writes.begun.load(Ordering::Relaxed);
                scope.spawn(|| store.write(Requester::Stranger, |_| Ok(())).unwrap());
                while store.foreground_writes.begun.load(Ordering::Relaxed) == begun {
                    std::thread::yield_now();
                }
                // It waits for the one connection that this step has.
                assert!(store.foreground_writes.since(&mut (begun + 1)));
                Ok(())
            };
            store.write_in_background(Requester::Server, |engine| step(engine, 1)).unwrap();
        });
        assert!(store.foreground_writes.since(&mut pacer.seen));
    }

    #[test]
    fn a_backlog_is_worked_off_without_long_rests_unless_others_write() {
        const STEP: Duration = Duration::from_millis(10);
        const STEPS: u32 = 10;
        // How many of the steps found others writing, and the time of all.
        let run = |store: &Store| {
            let (mut pacer, began, mut shared) = (Pacer::new(), Instant::now(), 0);
            store.foreground_writes.since(&mut pacer.seen);
            for _ in 0..STEPS {
                let step = |_: &mut dyn Engine, _| {
                    std::thread::sleep(STEP);
                    Ok(())
                };
                store.write_paced(&mut pacer, step).unwrap();
                shared += u32::from(pacer.was_shared);
            }
            (shared, began.elapsed())
        };
        let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
        for url in ["sqlite::memory:", &postgres] {
            let store = store(&url.parse().unwrap());
            let is_over = AtomicBool::new(false);
            let beside = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        store.write(Requester::Stranger, |_| Ok(())).unwrap();
                        std::thread::yield_now();
                    }
                });
                let run = run(&store);
                is_over.store(true, Ordering::Relaxed);
                run
            });
            let (shared, time) = beside;
            assert_eq!(shared, STEPS, "{url}");
            assert!(time >= STEPS * STEP * (1 + REST), "{url}: {time:?} beside others");
            assert_eq!(run(&store).0, 0, "{url}: nobody else writes");
        }
    }
}
