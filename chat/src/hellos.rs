//! Keeping who tries out tokens from taking the database from others.
//!
//! A token that was good here lately is looked up at once, wherever it comes from. A network (an IPv4 address or an IPv6 /64)
//! from which too many others failed has those looked up one at a time, together with all such networks: nobody is refused
//! for what a neighbour does, and one reader of the database is all they can hold.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use door::bucket::Buckets;
use door::network::Network;
use wire::{AccountId, TokenHash};

use crate::limit::{
    FAILED_HELLOS_BURST, FAILED_HELLOS_PER_SECOND, FAILED_HELLOS_WIDTH, TOKENS_REMEMBERED_MAX,
};

pub(crate) struct Hellos {
    /// Tokens that were good here lately, by their hashes.
    known: Mutex<HashMap<[u8; 32], AccountId>>,
    /// Failures that each network may have.
    failures: Buckets,
    /// Whether somebody is in the gate.
    is_taken: Mutex<bool>,
    freed: Condvar,
}

/// A place in the gate, for one look-up. Given back by its drop.
pub(crate) struct Passage<'a>(Option<&'a Hellos>);

impl Hellos {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            failures: Buckets::new(
                FAILED_HELLOS_BURST,
                FAILED_HELLOS_PER_SECOND,
                FAILED_HELLOS_WIDTH,
            ),
            is_taken: Mutex::new(false),
            freed: Condvar::new(),
        }
    }

    /// Whose token this was when it was last good here.
    pub(crate) fn owner(&self, token: &TokenHash) -> Option<AccountId> {
        lock(&self.known).get(&token.0).copied()
    }

    /// To be held while a token that is not known is looked up. Waits for it, if too many failed that came from `client`'s
    /// network; `None` if that takes until `until`.
    pub(crate) fn pass(&self, client: IpAddr, now: Instant, until: Instant) -> Option<Passage<'_>> {
        if self.failures.peek(&Network::narrowest(client), now).is_ok() {
            return Some(Passage(None));
        }
        let mut is_taken = lock(&self.is_taken);
        while *is_taken {
            let left =
                until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let waited = self.freed.wait_timeout(is_taken, left);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_taken = true;
        Some(Passage(Some(self)))
    }

    /// The token is good.
    pub(crate) fn succeeded(&self, token: &TokenHash, account: AccountId) {
        let mut known = lock(&self.known);
        if known.len() >= TOKENS_REMEMBERED_MAX && !known.contains_key(&token.0) {
            // Which ones makes little difference: they are looked up like any that came for the first time.
            let mut kept = 0;
            known.retain(|_, _| {
                kept += 1;
                kept <= TOKENS_REMEMBERED_MAX / 2
            });
        }
        known.insert(token.0, account);
    }

    /// The token is not good, or not any more.
    pub(crate) fn failed(&self, token: &TokenHash, client: IpAddr, now: Instant) {
        lock(&self.known).remove(&token.0);
        // Whether there was a failure left is asked by `pass`.
        let _ = self.failures.take(&Network::narrowest(client), now);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if let Some(hellos) = self.0 {
            *lock(&hellos.is_taken) = false;
            hellos.freed.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TOKEN: TokenHash = TokenHash([7; 32]);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail_often(hellos: &Hellos, client: IpAddr, now: Instant) {
        (0..FAILED_HELLOS_BURST as u32).for_each(|_| hellos.failed(&TOKEN, client, now));
    }

    #[test]
    fn networks_that_failed_too_often_go_one_at_a_time() {
        let (hellos, now) = (Hellos::new(), Instant::now());
        let at_once = || hellos.pass(ip("2001:db8::1"), now, now);
        let (first, second) = (at_once(), at_once());
        assert!(first.is_some() && second.is_some(), "nobody has failed");
        fail_often(&hellos, ip("2001:db8::2"), now);
        fail_often(&hellos, ip("192.0.2.1"), now);
        let held = at_once();
        assert!(held.is_some() && at_once().is_none(), "the same /64");
        assert!(hellos.pass(ip("192.0.2.1"), now, now).is_none(), "one for all of them");
        assert!(hellos.pass(ip("192.0.2.2"), now, now).is_some(), "others do not wait");
        // Who waits gets in once it is free.
        let until = now + Duration::from_secs(20);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| hellos.pass(ip("192.0.2.1"), now, until).is_some());
            drop(held);
            assert!(waiting.join().unwrap());
        });
        assert!(at_once().is_some(), "given back");
        let later = now + Duration::from_secs(2);
        let both = (
            hellos.pass(ip("192.0.2.1"), later, later),
            hellos.pass(ip("192.0.2.1"), later, later),
        );
        assert!(both.0.is_some() && both.1.is_some(), "forgiven");
    }

    #[test]
    fn a_token_is_known_from_when_it_was_good_until_it_is_not() {
        let (hellos, now) = (Hellos::new(), Instant::now());
        assert_eq!(hellos.owner(&TOKEN), None);
        hellos.succeeded(&TOKEN, AccountId(1));
        assert_eq!(hellos.owner(&TOKEN), Some(AccountId(1)));
        hellos.failed(&TOKEN, ip("192.0.2.1"), now);
        assert_eq!(hellos.owner(&TOKEN), None);
    }

    #[test]
    fn tokens_are_remembered_up_to_a_bound() {
        let hellos = Hellos::new();
        for n in 0..=TOKENS_REMEMBERED_MAX as u64 {
            let mut token = [0; 32];
            token[..8].copy_from_slice(&n.to_be_bytes());
            hellos.succeeded(&TokenHash(token), AccountId(1));
        }
        assert_eq!(lock(&hellos.known).len(), TOKENS_REMEMBERED_MAX / 2 + 1);
    }
}
