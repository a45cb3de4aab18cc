//! The throttle for wrong passwords. Right ones cost nothing.
//!
//! Who is *known* (a device with the secret of an earlier login, a live session, a network from which the account has been
//! used before) is kept out by its own failures only. An account whose known ones have failed very often has only strangers
//! for a while: so nobody with many devices fills the counters of others. Whoever else is a *stranger*: its failures count for
//! the networks that it comes from, for the account it asks for, also if there is none, and for all strangers together; once
//! one of these is used up, strangers wait, with the right password too. So that strangers elsewhere cannot keep an owner out
//! who comes from a new network, each network has a few tries of its own at each account, and a few at all of them together.

mod known;

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::bucket::{Bucket, Buckets};
use net::network::{Network, NetworkBuckets};
use wire::{AccountId, SessionId};

use crate::device::DeviceId;
use crate::limit::{
    ACCOUNT_FAILURES, ACCOUNT_FAILURES_PER_SECOND, BUCKETS_WIDTH, KNOWN_FAILURES,
    KNOWN_FAILURES_IN_ALL, KNOWN_FAILURES_IN_ALL_PER_SECOND, KNOWN_FAILURES_PER_SECOND,
    NETWORK_FAILURES, NETWORK_FAILURES_PER_SECOND, OWN_TRIES, OWN_TRIES_PER_SECOND,
    STRANGER_FAILURES, STRANGER_FAILURES_PER_SECOND,
};
use known::Known;

/// What shows that somebody has been let into an account before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The secret that a login of this account gave to a device.
    Device(DeviceId),
    /// A live session of this account.
    Session(SessionId),
    /// An earlier login or request of this account from the same network.
    Network(Network),
}

/// What went wrong lately, in a bounded amount of memory.
pub(crate) struct Throttle {
    known: Mutex<Known>,
    by_known: Buckets,
    /// By account, of all that are known to it.
    known_in_all: Buckets,
    by_network: NetworkBuckets,
    by_account: Buckets,
    own: Buckets,
    all: Mutex<Bucket>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        let buckets = |capacity, per_second| Buckets::new(capacity, per_second, BUCKETS_WIDTH);
        Self {
            known: Mutex::new(Known::new()),
            by_known: buckets(KNOWN_FAILURES, KNOWN_FAILURES_PER_SECOND),
            known_in_all: buckets(KNOWN_FAILURES_IN_ALL, KNOWN_FAILURES_IN_ALL_PER_SECOND),
            by_network: NetworkBuckets::new(NETWORK_FAILURES, NETWORK_FAILURES_PER_SECOND),
            by_account: buckets(ACCOUNT_FAILURES, ACCOUNT_FAILURES_PER_SECOND),
            own: buckets(OWN_TRIES, OWN_TRIES_PER_SECOND),
            all: Mutex::new(Bucket::new(STRANGER_FAILURES, STRANGER_FAILURES_PER_SECOND)),
        }
    }

    /// The network of `address`, if `account` has been used from there.
    pub(crate) fn known(&self, address: IpAddr, account: AccountId) -> Option<Origin> {
        let network = Network::narrowest(address);
        lock(&self.known).has(account, network).then_some(Origin::Network(network))
    }

    /// Whether a password may be tried; takes nothing. `known` is none for a stranger.
    ///
    /// # Errors
    /// It may not for this long, if nobody else tries meanwhile.
    pub(crate) fn check(
        &self,
        known: Option<&Origin>,
        address: IpAddr,
        email: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        if let Some(origin) = self.taken_for_known(known, email, now) {
            return self.by_known.peek(&(email, origin), now);
        }
        self.by_network.peek(address, now)?;
        let all = lock(&self.all).peek(now);
        all.or_else(|wait| self.peek_own(address, None, wait, now))?;
        let account = self.by_account.peek(&email, now);
        account.or_else(|wait| self.peek_own(address, Some(email), wait, now))
    }

    /// Takes down a wrong password.
    pub(crate) fn failed(
        &self,
        known: Option<&Origin>,
        address: IpAddr,
        email: &str,
        now: Instant,
    ) {
        // A bucket that is empty already cannot hold more against anyone: whoever was checked at once with this one
        // gets through, no more than there are cores.
        if let Some(origin) = self.taken_for_known(known, email, now) {
            let _ = self.by_known.take(&(email, origin), now);
            let _ = self.known_in_all.take(&email, now);
            return;
        }
        let _ = self.by_network.take(address, now);
        let all = lock(&self.all).take(now);
        let _ = all.or_else(|_| self.own.take(&own(address, None), now));
        let _ = self.by_account.take(&email, now);
        let _ = self.own.take(&own(address, Some(email)), now);
    }

    /// `known`, unless too many that are known to this account have failed lately: then it is a stranger.
    fn taken_for_known<'a>(
        &self,
        known: Option<&'a Origin>,
        email: &str,
        now: Instant,
    ) -> Option<&'a Origin> {
        known.filter(|_| self.known_in_all.peek(&email, now).is_ok())
    }

    /// Whether the network of `address` has tries of its own left where those of all are used up, for so long.
    fn peek_own(
        &self,
        address: IpAddr,
        email: Option<&str>,
        wait: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        self.own.peek(&own(address, email), now).map_err(|own| wait.min(own))
    }

    /// Takes down a right password, or the token of a live session: this account's owner is at this address.
    pub(crate) fn let_in(&self, address: IpAddr, account: AccountId) {
        lock(&self.known).add(account, Network::narrowest(address));
    }
}

/// What has tries of its own at that account, or at all: the widest network, since who has it has all that are in it.
fn own(address: IpAddr, email: Option<&str>) -> impl Hash {
    (Network::levels(address).next_back(), email.map(str::to_owned))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "throttle/tests.rs"]
mod tests;
