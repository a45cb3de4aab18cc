//! Connections that are lent out, a bounded number of them, for a bounded wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
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
    take_timeout: Duration,
    /// Nobody takes one before those who wait already. If there is only one, or whoever takes it again and again would leave
    /// it to nobody; of several one is free soon, and who runs just now can have it without anybody waking up.
    takes_turns: bool,
}

struct State {
    /// The most recently used last: the rest may grow old.
    idle: Vec<(Box<dyn Engine>, Instant)>,
    /// Connections that may still be opened.
    unopened: usize,
    /// Who waits for one, the first one first.
    waiting: VecDeque<Thread>,
}

impl Pool {
    pub(crate) fn new(size: usize, take_timeout: Duration, connect: Connect) -> Self {
        let state =
            State { idle: Vec::with_capacity(size), unopened: size, waiting: VecDeque::new() };
        Self { connect, state: Mutex::new(state), take_timeout, takes_turns: size == 1 }
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
        loop {
            let rested = self.take_turn(deadline)?;
            let mut lease = Lease { pool: self, engine: None };
            let Some((engine, since)) = rested else {
                lease.engine = Some((self.connect)()?);
                return Ok(lease);
            };
            lease.engine = Some(engine);
            if since.elapsed() < REST_UNCHECKED || lease.engine().answers() {
                return Ok(lease);
            }
            lease.discard();
        }
    }

    /// Takes a connection that rests, or the right to open one.
    fn take_turn(&self, deadline: Instant) -> Result<Option<(Box<dyn Engine>, Instant)>> {
        let mut state = self.lock();
        if state.is_empty() || (self.takes_turns && !state.waiting.is_empty()) {
            let me = thread::current();
            let is_me = |thread: &Thread| thread.id() == me.id();
            state.waiting.push_back(me.clone());
            let is_first = |state: &State| state.waiting.front().is_some_and(is_me);
            while state.is_empty() || (self.takes_turns && !is_first(&state)) {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    state.waiting.retain(|thread| !is_me(thread));
                    state.wake_next();
                    return Err(Error::Unavailable("all connections are in use".to_owned()));
                }
                drop(state);
                thread::park_timeout(left);
                state = self.lock();
            }
            state.waiting.retain(|thread| !is_me(thread));
        }
        let taken = state.idle.pop();
        if taken.is_none() {
            state.unopened -= 1;
        }
        state.wake_next();
        Ok(taken)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is nothing to be lent.
    fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.unopened == 0
    }

    /// Wakes who is to have what there is.
    fn wake_next(&self) {
        let lendable = self.idle.len() + self.unopened;
        self.waiting.iter().take(lendable).for_each(Thread::unpark);
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
        state.wake_next();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

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
    fn who_waits_comes_before_who_takes_it_again() {
        let pool = Pool { take_timeout: Duration::from_secs(60), ..pool(1) };
        let had_it = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let lease = pool.take().unwrap();
            scope.spawn(|| {
                let _lease = pool.take().unwrap();
                had_it.store(true, Ordering::Relaxed);
            });
            while pool.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            drop(lease);
            drop(pool.take().unwrap());
            assert!(had_it.load(Ordering::Relaxed));
        });
    }

    #[test]
    fn who_gives_up_waiting_keeps_nobody_from_it() {
        let pool = pool(1);
        let lease = pool.take().unwrap();
        assert!(pool.take().is_err());
        drop(lease);
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
