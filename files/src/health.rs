//! The health of a file store: the results of the latest requests.
//!
//! A health check reads the recorded results and never waits for the store.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Cause, Failure};

/// The part of the file store that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// `not_storing_files` or `not_reading_files`.
    pub code: &'static str,
    /// The reason, for the operator.
    pub reason: String,
}

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Storing,
    Reading,
}

#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<State>,
    /// An operation that takes longer than this is stuck.
    stuck_after: Duration,
}

#[derive(Debug)]
struct State {
    storing: Activity,
    reading: Activity,
}

/// The recent results of one kind of work.
#[derive(Debug)]
struct Activity {
    /// The start time of each running operation, the oldest first.
    running: Vec<Instant>,
    /// The time of the last result.
    tried: Instant,
    /// The error of the last try, if it failed.
    wrong: Option<String>,
}

impl Activity {
    fn new() -> Self {
        Self { running: Vec::new(), tried: Instant::now(), wrong: None }
    }
}

impl State {
    fn of(&mut self, work: Work) -> &mut Activity {
        match work {
            Work::Storing => &mut self.storing,
            Work::Reading => &mut self.reading,
        }
    }
}

impl Health {
    pub(crate) fn new(stuck_after: Duration) -> Self {
        let state = State { storing: Activity::new(), reading: Activity::new() };
        Self { state: Mutex::new(state), stuck_after }
    }

    /// Runs an operation, and records its failure. While an operation of the same kind is stuck, no further one begins, so that a store
    /// that hangs does not block more and more threads.
    pub(crate) fn during<T>(
        &self,
        work: Work,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let began = Instant::now();
        {
            let mut state = self.lock();
            if let Some(reason) = self.stuck(state.of(work)) {
                return Err(Failure::error(Cause::Late, reason));
            }
            state.of(work).running.push(began);
        }
        let _running = InFlight(self, work, began);
        let done = operation();
        if let Err(error) = &done
            && Cause::of(error).is_of_store()
        {
            let mut state = self.lock();
            let activity = state.of(work);
            activity.tried = Instant::now();
            activity.wrong = Some(error.to_string());
        }
        done
    }

    /// Records that an operation of this kind has succeeded.
    pub(crate) fn has_done(&self, work: Work) {
        let mut state = self.lock();
        let activity = state.of(work);
        activity.tried = Instant::now();
        activity.wrong = None;
    }

    /// Whether a probe is due: the store was not used for this time, or the last try has failed and it is time for the
    /// next.
    pub(crate) fn is_due(&self, work: Work, interval: Duration, after_failure: Duration) -> bool {
        let mut state = self.lock();
        let activity = state.of(work);
        let interval = if activity.wrong.is_some() { after_failure } else { interval };
        activity.tried.elapsed() >= interval
    }

    /// Checks the recorded results.
    ///
    /// # Errors
    /// The part that does not work.
    pub(crate) fn check(&self) -> Result<(), Unhealthy> {
        let mut state = self.lock();
        for (work, code) in
            [(Work::Storing, "not_storing_files"), (Work::Reading, "not_reading_files")]
        {
            let activity = state.of(work);
            if let Some(reason) = self.stuck(activity).or_else(|| activity.wrong.clone()) {
                return Err(Unhealthy { code, reason });
            }
        }
        Ok(())
    }

    fn stuck(&self, activity: &Activity) -> Option<String> {
        let age = activity.running.first()?.elapsed();
        (age > self.stuck_after).then(|| format!("it has not answered for {} s", age.as_secs()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation in progress. It ends when this is dropped, also by a panic.
struct InFlight<'a>(&'a Health, Work, Instant);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Self(health, work, began) = self;
        let mut state = health.lock();
        let running = &mut state.of(*work).running;
        if let Some(at) = running.iter().position(|other| other == began) {
            running.remove(at);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn code(health: &Health) -> Option<&'static str> {
        health.check().err().map(|it| it.code)
    }

    fn fails(health: &Health, work: Work, cause: Cause) {
        let fail = || Err::<(), _>(Failure::error(cause, "as a test wants".to_owned()));
        health.during(work, fail).unwrap_err();
    }

    #[test]
    fn what_traffic_saw_last_is_what_is_told() {
        let health = Health::new(LONG);
        assert_eq!(code(&health), None);
        fails(&health, Work::Reading, Cause::Unreachable);
        assert_eq!(code(&health), Some("not_reading_files"));
        fails(&health, Work::Storing, Cause::Full);
        assert_eq!(code(&health), Some("not_storing_files"));
        health.has_done(Work::Storing);
        assert_eq!(code(&health), Some("not_reading_files"));
        health.has_done(Work::Reading);
        assert_eq!(code(&health), None);
        fails(&health, Work::Reading, Cause::Lost);
        fails(&health, Work::Storing, Cause::Busy);
        assert_eq!(code(&health), None, "one object, or one moment");
    }

    #[test]
    fn what_is_stuck_is_told_while_it_is_and_keeps_no_further_thread() {
        let health = Health::new(Duration::ZERO);
        health.lock().storing.running.push(Instant::now() - LONG);
        assert_eq!(code(&health), Some("not_storing_files"));
        let refused = health.during::<()>(Work::Storing, || panic!("it is not begun"));
        assert_eq!(Cause::of(&refused.unwrap_err()), Cause::Late);
        health.during(Work::Reading, || Ok(())).unwrap();
        health.lock().storing.running.clear();
        health.during(Work::Storing, || Ok(())).unwrap();
        assert_eq!(code(&health), None);
        assert!(health.lock().storing.running.is_empty());
    }

    #[test]
    fn a_probe_is_due_without_traffic_and_sooner_after_a_failure() {
        let health = Health::new(LONG);
        let is_due = |interval, after| health.is_due(Work::Storing, interval, after);
        assert!(!is_due(LONG, Duration::ZERO));
        assert!(is_due(Duration::ZERO, LONG));
        fails(&health, Work::Storing, Cause::Full);
        assert!(is_due(LONG, Duration::ZERO));
        assert!(!is_due(Duration::ZERO, LONG));
    }
}
