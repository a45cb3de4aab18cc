//! The server's own work, in steps between which others have their turns.
//!
//! SQLite has one writer, and PostgreSQL keeps the rows of a transaction from others: whoever sends a message meanwhile waits for
//! the step. So a step is short, as many rows as fit into [`STEP_TIME`], and after it the writer is left to others for longer than it took.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::pool::Requester;
use crate::{Error, Result, Store};

/// How long a step should take.
const STEP_TIME: Duration = Duration::from_millis(2);
/// How many times as long as a step took others have the writer before the next one.
const REST: u32 = 4;
/// The shortest rest, also after a step that did next to nothing.
const REST_MIN: Duration = Duration::from_millis(1);
/// The longest rest: what took so long was most likely waiting for others.
const REST_MAX: Duration = Duration::from_millis(200);
/// Rows of the shortest step, whatever it takes.
const ROWS_MIN: i64 = 8;
/// Rows of the longest step.
pub(crate) const ROWS_MAX: i64 = 1000;

/// How many rows the next step may have.
pub(crate) struct Pacer {
    rows: i64,
    /// No step begins after this.
    until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new() -> Self {
        Self { rows: ROWS_MIN, until: None }
    }

    /// For work that somebody waits for: no step begins after `until`.
    pub(crate) fn until(until: Instant) -> Self {
        Self { until: Some(until), ..Self::new() }
    }

    /// Takes down how long a step took, and returns how long to rest. No step is more than twice as long as the one before.
    fn took(&mut self, time: Duration) -> Duration {
        let fit = self.rows as f64 * STEP_TIME.as_secs_f64() / time.as_secs_f64().max(1e-9);
        self.rows = (fit.min(2.0 * self.rows as f64) as i64).clamp(ROWS_MIN, ROWS_MAX);
        (time * REST).clamp(REST_MIN, REST_MAX)
    }
}

impl Store {
    /// Runs a step of `work` in a transaction, which is told how many rows it may touch, and rests.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the time of `pace` is over; what earlier steps did stays done.
    pub(crate) fn write_paced<T>(
        &self,
        pacer: &mut Pacer,
        mut work: impl FnMut(&mut dyn Engine, i64) -> Result<T>,
    ) -> Result<T> {
        let (rows, mut began) = (pacer.rows, Instant::now());
        if pacer.until.is_some_and(|until| until <= began) {
            return Err(Error::TimedOut("work in steps".to_owned()));
        }
        let done = self.write(Requester::Server, |engine| {
            // Until then it waited for its turn.
            began = Instant::now();
            work(engine, rows)
        });
        std::thread::sleep(pacer.took(began.elapsed()));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_begins_after_the_time_is_over() {
        let store =
            Store::open(&"sqlite::memory:".parse().unwrap(), crate::ContactPolicy::Open, &|_| {
                false
            })
            .unwrap();
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
    fn a_step_is_as_long_as_its_time_allows() {
        let mut pacer = Pacer::new();
        for _ in 0..99 {
            pacer.took(Duration::ZERO);
        }
        assert_eq!(pacer.rows, ROWS_MAX);
        let rest = pacer.took(10 * STEP_TIME);
        assert_eq!((pacer.rows, rest), (ROWS_MAX / 10, 10 * STEP_TIME * REST));
        assert_eq!(pacer.took(Duration::from_secs(60)), REST_MAX);
        assert_eq!((pacer.rows, pacer.took(Duration::ZERO)), (ROWS_MIN, REST_MIN));
        assert_eq!(pacer.rows, 2 * ROWS_MIN, "no more than twice the one before");
    }
}
