//! The queue for the cores that hash passwords. A requester with many requests waits longer than one with few.
//!
//! Each waiter has a path of keys, from the widest to the narrowest: a network, a narrower network in it, the account
//! asked for. The next waiter is found key by key: among the widest keys the one served least recently, then among the
//! narrower keys below it, and so on; waiters with the same path are served in order of arrival. Keys of known clients
//! and keys of strangers alternate while both wait, so strangers at many networks together get at most half of the
//! turns. If the queue is full, the key with the most waiters loses its newest one, so a client is refused only for
//! its own load.

use std::collections::HashMap;

use net::network::Network;

use crate::limit::{HASH_KEYS_KEPT_TURNS, HASH_WAITING_PER_KEY};
use crate::throttle::Origin;

/// One key of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum QueueKey {
    /// Clients known to the account of this folded email.
    Known(String),
    /// How the client is known.
    Origin(Origin),
    /// Strangers of this network.
    Network(Network),
    /// Strangers that ask for the account of this folded email.
    Account(String),
}

impl QueueKey {
    /// 0 for known clients, 1 for strangers: the index in [`FairQueue::kinds`].
    fn kind(&self) -> usize {
        match self {
            Self::Known(_) | Self::Origin(_) => 0,
            Self::Network(_) | Self::Account(_) => 1,
        }
    }
}

/// The keys of one waiter, the widest first; at least one.
pub(crate) type QueuePath = Vec<QueueKey>;

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The waiters. `T` notifies a waiter that its turn has come.
pub(crate) struct FairQueue<T> {
    most: usize,
    waiting: Vec<Waiter<T>>,
    /// The turn in which each path was last served. Paths not served for long are forgotten.
    served: HashMap<QueuePath, u64>,
    /// The turns in which a known client and a stranger were last served.
    kinds: [u64; 2],
    turn: u64,
    arrivals: u64,
}

struct Waiter<T> {
    /// Its number, in order of arrival.
    arrival: u64,
    path: QueuePath,
    notify: T,
}

impl<T> FairQueue<T> {
    /// A queue with room for `most` waiters.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            waiting: Vec::new(),
            served: HashMap::new(),
            kinds: [0; 2],
            turn: 0,
            arrivals: 0,
        }
    }

    /// Adds a waiter and returns its number. If the queue is full another waiter may be removed: its `T` is dropped.
    ///
    /// # Errors
    /// The waiter that would be removed is the new one.
    pub(crate) fn push(&mut self, path: QueuePath, notify: T) -> Result<u64, Full> {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let of_largest = self.waiting.iter().filter(|it| it.path[0] == path[0]).count();
        let largest = (of_largest >= HASH_WAITING_PER_KEY).then(|| path[0].clone());
        let is_full = largest.is_some() || self.waiting.len() >= self.most;
        self.waiting.push(Waiter { arrival, path, notify });
        if is_full {
            let loser = self.loser(largest.as_ref());
            if self.remove(loser).is_none() || loser == arrival {
                return Err(Full);
            }
        }
        Ok(arrival)
    }

    /// The newest waiter of the key with the most waiters, among all or below `largest`.
    fn loser(&self, largest: Option<&QueueKey>) -> u64 {
        let mut counts: HashMap<&[QueueKey], usize> = HashMap::new();
        for waiter in &self.waiting {
            for end in 1..=waiter.path.len() {
                *counts.entry(&waiter.path[..end]).or_default() += 1;
            }
        }
        let load = |waiter: &&Waiter<T>| {
            let ends = 1..=waiter.path.len();
            let counts: Vec<_> = ends.map(|end| counts.get(&waiter.path[..end])).collect();
            (counts, waiter.arrival)
        };
        let among = |waiter: &&Waiter<T>| largest.is_none_or(|it| waiter.path[0] == *it);
        let loser = self.waiting.iter().filter(among).max_by_key(load);
        loser.map_or(0, |waiter| waiter.arrival)
    }

    /// Removes the next waiter.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let lately = |waiter: &&Waiter<T>| {
            let ends = 1..=waiter.path.len();
            let turns = ends.map(|end| self.served.get(&waiter.path[..end]).unwrap_or(&0));
            let kind = self.kinds[waiter.path[0].kind()];
            (kind, turns.collect::<Vec<_>>(), waiter.arrival)
        };
        let next = self.waiting.iter().min_by_key(lately)?.arrival;
        let next = self.remove(next)?;
        self.turn += 1;
        self.kinds[next.path[0].kind()] = self.turn;
        for end in 1..=next.path.len() {
            self.served.insert(next.path[..end].to_vec(), self.turn);
        }
        if self.turn.is_multiple_of(HASH_KEYS_KEPT_TURNS) {
            let oldest = self.turn - HASH_KEYS_KEPT_TURNS;
            self.served.retain(|_, turn| *turn > oldest);
        }
        Some(next.notify)
    }

    /// Removes a waiter; false if it is not in the queue any more.
    pub(crate) fn cancel(&mut self, arrival: u64) -> bool {
        self.remove(arrival).is_some()
    }

    fn remove(&mut self, arrival: u64) -> Option<Waiter<T>> {
        let at = self.waiting.iter().position(|waiter| waiter.arrival == arrival)?;
        Some(self.waiting.remove(at))
    }

    /// The number of waiters.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
#[path = "hash_queue/tests.rs"]
mod tests;
