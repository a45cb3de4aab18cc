//! The brake for wrong passwords. Right ones never cost anything and never meet it.
//!
//! A wrong password costs the address it came from, and the account it was meant for, also if there is none: the brake
//! does not tell which exist. First of all it costs the two together, so that who guesses at one account does not slow his
//! neighbours behind the same address. Since strangers must not be able to lock an owner out, the account's brake does not
//! hold where the account has logged in before, and every address has a few tries of its own at every account.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use door::bucket::Buckets;
use door::network::Network;

use crate::limit::{
    ADDRESS_FAILURES_PER_SECOND, FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS, FAILURES_PER_SECOND,
    KEYS_MAX, OWN_TRIES, OWN_TRIES_PER_SECOND,
};

/// From where, and for which folded email.
type Pair = (Network, String);

/// What went wrong lately, for a bounded number of addresses and accounts.
pub(crate) struct Throttle {
    by_address: Buckets<Network>,
    by_pair: Buckets<Pair>,
    by_account: Buckets<String>,
    own: Buckets<Pair>,
    known: Mutex<Known>,
}

/// Where accounts have logged in; past the bound the oldest is forgotten.
#[derive(Default)]
struct Known {
    pairs: HashSet<Pair>,
    order: VecDeque<Pair>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            by_address: Buckets::new(FAILURES_PER_ADDRESS, ADDRESS_FAILURES_PER_SECOND, KEYS_MAX),
            by_pair: Buckets::new(FAILURES_PER_ACCOUNT, FAILURES_PER_SECOND, KEYS_MAX),
            by_account: Buckets::new(FAILURES_PER_ACCOUNT, FAILURES_PER_SECOND, KEYS_MAX),
            own: Buckets::new(OWN_TRIES, OWN_TRIES_PER_SECOND, KEYS_MAX),
            known: Mutex::default(),
        }
    }

    /// Whether a password may be tried; takes nothing.
    ///
    /// # Errors
    /// It may not for this long; at most 3 s, if nobody else tries meanwhile.
    pub(crate) fn check(&self, from: IpAddr, email: &str, now: Instant) -> Result<(), Duration> {
        let from = Network::narrowest(from);
        self.by_address.peek(&from, now)?;
        let pair = (from, email.to_owned());
        self.by_pair.peek(&pair, now)?;
        if self.known().pairs.contains(&pair) {
            return Ok(());
        }
        let Err(wait) = self.by_account.peek(&pair.1, now) else { return Ok(()) };
        self.own.peek(&pair, now).map_err(|own| wait.min(own))
    }

    /// Takes down a wrong password.
    pub(crate) fn failed(&self, from: IpAddr, email: &str, now: Instant) {
        let from = Network::narrowest(from);
        // A bucket that is empty already cannot hold more against anyone: whoever was checked at once with this one
        // gets through, no more than there are cores.
        let _ = self.by_address.take(from, now);
        let pair = (from, email.to_owned());
        let _ = self.by_pair.take(pair.clone(), now);
        if !self.known().pairs.contains(&pair) {
            let _ = self.by_account.take(pair.1.clone(), now);
            let _ = self.own.take(pair, now);
        }
    }

    /// Takes down a right one: this account's owner is at this address.
    pub(crate) fn succeeded(&self, from: IpAddr, email: &str) {
        let pair = (Network::narrowest(from), email.to_owned());
        let mut known = self.known();
        if !known.pairs.insert(pair.clone()) {
            return;
        }
        known.order.push_back(pair);
        if known.order.len() > KEYS_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.pairs.remove(&oldest);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "throttle/tests.rs"]
mod tests;
