//! Connections that are lent out, a bounded number of them, for a bounded wait.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::{Error, Result};

/// How long a verb waits for a connection before it gives up.
pub(crate) const TAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that rested longer is asked whether it still answers.
const REST_UNCHECKED: Duration = Duration::from_secs(30);

type Connect = Box<dyn Fn() -> Result<Box<dyn Engine>> + Send + Sync>;

pub(crate) struct Pool {
    connect: Connect,
    state: Mutex<State>,
    returned: Condvar,
    take_timeout: Duration,
}

struct State {
    /// The most recently used last: the rest may grow old.
    idle: Vec<(Box<dyn Engine>, Instant)>,
    /// Connections that may still be opened.
    unopened: usize,
}

impl Pool {
    pub(crate) fn new(size: usize, take_timeout: Duration, connect: Connect) -> Self {
        let state = State { idle: Vec::with_capacity(size), unopened: size };
        Self { connect, state: Mutex::new(state), returned: Condvar::new(), take_timeout }
    }

    /// Lends a connection that answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after the pool's timeout with all of them lent out, or if a new one cannot be opened.
    pub(crate) fn take(&self) -> Result<Lease<'_>> {
        self.take_within(self.take_timeout)
    }

    /// The same, but waits no longer than `patience` for one that is lent out.
    pub(crate) fn take_within(&self, patience: Duration) -> Result<Lease<'_>> {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some((mut engine, since)) = state.idle.pop() {
                drop(state);
                let fresh = since.elapsed() < REST_UNCHECKED || engine.answers();
                let lease = Lease { pool: self, engine: Some(engine) };
                if fresh {
                    return Ok(lease);
                }
                lease.discard();
                state = self.lock();
            } else if state.unopened > 0 {
                state.unopened -= 1;
                drop(state);
                let mut lease = Lease { pool: self, engine: None };
                lease.engine = Some((self.connect)()?);
                return Ok(lease);
            } else {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Error::Unavailable("all connections are in use".to_owned()));
                }
                state = self
                    .returned
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan; it returns when this is dropped.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    engine: Option<Box<dyn Engine>>,
}

impl Lease<'_> {
    pub(crate) fn engine(&mut self) -> &mut dyn Engine {
        self.engine.as_deref_mut().expect("a lease holds its connection until it is dropped")
    }

    /// Gives it back after an error: only if it still answers.
    pub(crate) fn give_back(mut self) {
        if !self.engine().answers() {
            self.discard();
        }
    }

    /// Throws the connection away and, since they most likely share its fate, all that rest.
    pub(crate) fn discard(mut self) {
        let mut state = self.pool.lock();
        let resting = std::mem::take(&mut state.idle);
        state.unopened += resting.len();
        drop(state);
        drop((self.engine.take(), resting)); // Closing may take a while: outside the lock.
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        match self.engine.take() {
            Some(engine) if !std::thread::panicking() => state.idle.push((engine, Instant::now())),
            // Opening failed, it was discarded, or a verb panicked in the middle of something.
            _ => state.unopened += 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Use;
    use crate::engine::sqlite::Sqlite;

    fn pool(size: usize) -> Pool {
        let connect = || Ok(Box::new(Sqlite::open(None, Use::Write)?) as Box<dyn Engine>);
        Pool::new(size, Duration::from_millis(20), Box::new(connect))
    }

    #[test]
    fn no_more_than_its_size_are_lent_and_the_wait_is_bounded() {
        let pool = pool(2);
        let (one, _two) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(matches!(pool.take(), Err(Error::Unavailable(_))));
        drop(one);
        drop(pool.take().unwrap());
    }

    #[test]
    fn a_discarded_connection_makes_room_for_a_new_one() {
        let pool = pool(1);
        for _ in 0..3 {
            pool.take().unwrap().discard();
        }
        assert_eq!(pool.lock().unopened, 1);
        assert!(pool.lock().idle.is_empty());
    }

    #[test]
    fn a_connection_that_cannot_be_opened_costs_no_place() {
        let refuse = || Err(Error::Unavailable("away".to_owned()));
        let pool = Pool::new(1, Duration::from_millis(20), Box::new(refuse));
        for _ in 0..3 {
            assert!(matches!(pool.take(), Err(Error::Unavailable(text)) if text == "away"));
        }
    }

    #[test]
    fn a_panic_in_the_middle_of_something_does_not_return_the_connection() {
        let pool = pool(1);
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _lease = pool.take().unwrap();
                    panic!("in the middle");
                })
                .join()
        });
        assert!(panicked.is_err());
        assert!(pool.lock().idle.is_empty());
        drop(pool.take().unwrap());
    }
}
