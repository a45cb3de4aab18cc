//! A bounded pool of connections with a bounded wait and fair queueing.

mod queue;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::limit::{REST_UNCHECKED, share};
use crate::{Error, Result};
use queue::{Queues, Waiter};

pub(crate) use queue::Requester;

type Connect = Box<dyn Fn() -> Result<Box<dyn Engine>> + Send + Sync>;

/// An idle connection and the time since which it is idle. `None`: the right to open a new connection.
type Slot = Option<(Box<dyn Engine>, Instant)>;

pub(crate) struct Pool {
    connect: Connect,
    state: Mutex<State>,
    take_timeout: Duration,
}

/// The state of a pool. *Invariant:* while a slot is free, no requester waits that may have it.
struct State {
    /// Idle connections, the most recently used last.
    idle: Vec<(Box<dyn Engine>, Instant)>,
    /// Connections that may still be opened.
    unopened: usize,
    queues: Queues,
    /// Slots that are reserved for threads that are waking up, by ticket.
    granted: Vec<(u64, Slot)>,
    last_ticket: u64,
    /// How many times all connections were replaced.
    generation: u64,
}

impl Pool {
    /// A pool of up to `size` connections, of which one account may hold at most [`share`] at a time.
    pub(crate) fn new(size: usize, take_timeout: Duration, connect: Connect) -> Self {
        let state = State {
            idle: Vec::with_capacity(size),
            unopened: size,
            queues: Queues::new(share(size)),
            granted: Vec::new(),
            last_ticket: 0,
            generation: 0,
        };
        Self { connect, state: Mutex::new(state), take_timeout }
    }

    /// Lends a connection. One that was idle for long is checked before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it was not the requester's turn within the pool's timeout, or if no connection can be opened.
    pub(crate) fn take(&self, requester: Requester) -> Result<Lease<'_>> {
        self.take_within(requester, self.take_timeout)
    }

    /// As [`Pool::take`], with another timeout.
    pub(crate) fn take_within(
        &self,
        requester: Requester,
        patience: Duration,
    ) -> Result<Lease<'_>> {
        let deadline = Instant::now() + patience;
        loop {
            let (rested, generation) = self.take_turn(requester, deadline)?;
            let mut lease = Lease { pool: self, requester, engine: None, generation };
            let Some((engine, since)) = rested else {
                lease.engine = Some((self.connect)()?);
                return Ok(lease);
            };
            lease.engine = Some(engine);
            if since.elapsed() < REST_UNCHECKED || lease.engine().is_alive() {
                return Ok(lease);
            }
            lease.discard();
        }
    }

    /// Closes all connections: the idle ones at once, those that are lent when they are returned.
    pub(crate) fn replace_all(&self) {
        let mut state = self.lock();
        state.generation += 1;
        let mut replaced = std::mem::take(&mut state.idle);
        state.unopened += replaced.len();
        replaced.extend(state.granted.iter_mut().filter_map(|(_, slot)| slot.take()));
        drop(state);
        drop(replaced); // Closing may take a while, so the lock is not held here.
    }

    /// Takes an idle connection, or the right to open one. Also returns the generation that it belongs to.
    fn take_turn(&self, requester: Requester, deadline: Instant) -> Result<(Slot, u64)> {
        let mut state = self.lock();
        if state.queues.has_share(requester)
            && let Some(slot) = state.take_slot()
        {
            state.queues.lend(requester);
            return Ok((slot, state.generation));
        }
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.queues.wait(requester, Waiter { ticket, thread: thread::current() });
        loop {
            if let Some(at) = state.granted.iter().position(|(one, _)| *one == ticket) {
                return Ok((state.granted.swap_remove(at).1, state.generation));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.queues.leave(ticket);
                return Err(Error::Unavailable("all connections are in use".to_owned()));
            }
            drop(state);
            thread::park_timeout(left);
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A free slot, if there is one.
    fn take_slot(&mut self) -> Option<Slot> {
        if let Some(rested) = self.idle.pop() {
            return Some(Some(rested));
        }
        self.unopened = self.unopened.checked_sub(1)?;
        Some(None)
    }

    /// Reserves the free slots for the next requesters, and wakes their threads.
    fn grant(&mut self) {
        while !self.idle.is_empty() || self.unopened > 0 {
            let Some((requester, waiter)) = self.queues.next() else { return };
            let Some(slot) = self.take_slot() else { return };
            self.queues.lend(requester);
            self.granted.push((waiter.ticket, slot));
            waiter.thread.unpark();
        }
    }
}

/// A borrowed connection. It is returned to the pool when this is dropped.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    requester: Requester,
    engine: Option<Box<dyn Engine>>,
    generation: u64,
}

impl Lease<'_> {
    pub(crate) fn engine(&mut self) -> &mut (dyn Engine + 'static) {
        self.engine.as_deref_mut().expect("a lease holds its connection until it is dropped")
    }

    /// Returns the connection after an error, if it still answers.
    pub(crate) fn give_back(mut self) {
        if !self.engine().is_alive() {
            self.discard();
        }
    }

    /// Closes the connection, and all idle ones, since they are most likely dead as well.
    pub(crate) fn discard(mut self) {
        let mut state = self.pool.lock();
        let resting = std::mem::take(&mut state.idle);
        state.unopened += resting.len();
        drop(state);
        drop((self.engine.take(), resting)); // Closing may take a while, so the lock is not held here.
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.queues.give_back(self.requester);
        let is_current = self.generation == state.generation;
        let closed = match self.engine.take() {
            Some(engine) if is_current && !std::thread::panicking() => {
                state.idle.push((engine, Instant::now()));
                None
            }
            // Opening has failed, the connection was discarded or replaced, or a thread has panicked in the middle of a transaction.
            other => {
                state.unopened += 1;
                other
            }
        };
        state.grant();
        drop(state);
        drop(closed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use wire::AccountId;

    use super::*;
    use crate::engine::Purpose;
    use crate::engine::sqlite::Sqlite;

    const SOMEBODY: Requester = Requester::Stranger;
    const MALLORY: Requester = Requester::Account(AccountId(1));
    const BOB: Requester = Requester::Account(AccountId(2));

    fn pool(size: usize) -> Pool {
        let connect = || Ok(Box::new(Sqlite::open(None, Purpose::Write)?) as Box<dyn Engine>);
        Pool::new(size, Duration::from_millis(20), Box::new(connect))
    }

    #[test]
    fn no_more_than_its_size_are_lent_and_the_wait_is_bounded() {
        let pool = pool(2);
        let (one, _two) = (pool.take(SOMEBODY).unwrap(), pool.take(SOMEBODY).unwrap());
        assert!(matches!(pool.take(SOMEBODY), Err(Error::Unavailable(_))));
        drop(one);
        drop(pool.take(SOMEBODY).unwrap());
    }

    #[test]
    fn who_waits_comes_before_who_takes_it_again() {
        let pool = Pool { take_timeout: Duration::from_secs(60), ..pool(1) };
        let had_it = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let lease = pool.take(SOMEBODY).unwrap();
            scope.spawn(|| {
                let _lease = pool.take(SOMEBODY).unwrap();
                had_it.store(true, Ordering::Relaxed);
            });
            while pool.lock().queues.len() == 0 {
                std::thread::yield_now();
            }
            drop(lease);
            drop(pool.take(SOMEBODY).unwrap());
            assert!(had_it.load(Ordering::Relaxed));
        });
    }

    #[test]
    fn who_gives_up_waiting_keeps_nobody_from_it() {
        let pool = pool(1);
        let lease = pool.take(SOMEBODY).unwrap();
        assert!(pool.take(SOMEBODY).is_err());
        drop(lease);
        drop(pool.take(SOMEBODY).unwrap());
    }

    #[test]
    fn a_discarded_connection_makes_room_for_a_new_one() {
        let pool = pool(1);
        for _ in 0..3 {
            pool.take(SOMEBODY).unwrap().discard();
        }
        assert_eq!(pool.lock().unopened, 1);
        assert!(pool.lock().idle.is_empty());
    }

    #[test]
    fn a_replaced_connection_is_not_lent_again() {
        let opened = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&opened);
        let connect = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Sqlite::open(None, Purpose::Write)?) as Box<dyn Engine>)
        };
        let pool =
            Pool { take_timeout: Duration::from_secs(60), connect: Box::new(connect), ..pool(2) };
        let (idle, lent) = (pool.take(SOMEBODY).unwrap(), pool.take(SOMEBODY).unwrap());
        drop(idle);
        pool.replace_all();
        drop(lent);
        drop(pool.take(SOMEBODY).unwrap());
        assert_eq!((opened.load(Ordering::Relaxed), pool.lock().unopened), (3, 1));
    }

    #[test]
    fn a_connection_that_cannot_be_opened_costs_no_place() {
        let refuse = || Err(Error::Unavailable("away".to_owned()));
        let pool = Pool::new(1, Duration::from_millis(20), Box::new(refuse));
        for _ in 0..3 {
            assert!(matches!(pool.take(SOMEBODY), Err(Error::Unavailable(text)) if text == "away"));
        }
    }

    #[test]
    fn a_panic_in_the_middle_of_something_does_not_return_the_connection() {
        let pool = pool(1);
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _lease = pool.take(SOMEBODY).unwrap();
                    panic!("in the middle");
                })
                .join()
        });
        assert!(panicked.is_err());
        assert!(pool.lock().idle.is_empty());
        drop(pool.take(SOMEBODY).unwrap());
    }

    #[test]
    fn one_account_holds_half_and_leaves_the_rest_to_others() {
        let pool = pool(4);
        let (one, _two) = (pool.take(MALLORY).unwrap(), pool.take(MALLORY).unwrap());
        assert!(matches!(pool.take(MALLORY), Err(Error::Unavailable(_))));
        let (_three, _four) = (pool.take(BOB).unwrap(), pool.take(SOMEBODY).unwrap());
        drop(one);
        drop(pool.take(MALLORY).unwrap());
    }

    #[test]
    fn an_account_that_waits_often_has_one_turn_before_another_has_its_first() {
        let pool = Pool { take_timeout: Duration::from_secs(60), ..pool(1) };
        let turns = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let lease = pool.take(MALLORY).unwrap();
            for (waiting, requester) in (1..).zip([MALLORY, MALLORY, MALLORY, BOB]) {
                let (pool, turns) = (&pool, &turns);
                scope.spawn(move || {
                    let lease = pool.take(requester).unwrap();
                    turns.lock().unwrap().push(requester);
                    drop(lease);
                });
                while pool.lock().queues.len() < waiting {
                    std::thread::yield_now();
                }
            }
            drop(lease);
        });
        assert_eq!(turns.into_inner().unwrap(), [MALLORY, BOB, MALLORY, MALLORY]);
    }

    #[test]
    fn what_is_given_back_goes_to_its_own_account_if_only_that_one_waits() {
        let pool = Pool { take_timeout: Duration::from_secs(60), ..pool(4) };
        std::thread::scope(|scope| {
            let (one, _two) = (pool.take(MALLORY).unwrap(), pool.take(MALLORY).unwrap());
            let third = scope.spawn(|| drop(pool.take(MALLORY).unwrap()));
            while pool.lock().queues.len() == 0 {
                std::thread::yield_now();
            }
            drop(one);
            third.join().unwrap();
        });
    }
}
