//! The throttle for wrong passwords. Right passwords are not counted.
//!
//! A client is *known* to an account by a device secret of an earlier login, by a live session, or by a network from
//! which the account has been used before. A known client is throttled by its own failures only. If the known clients
//! of an account have failed very often, they all count as strangers for a while, so an account with many devices
//! cannot fill the counters of others.
//!
//! Every other client is a *stranger*. Its failures count for its networks, for the account that it tries (even if
//! there is no such account), and for all strangers together. If one of these counters is used up, strangers must wait,
//! even with the right password. Besides, each network has a few tries of its own for each account, and a few for all
//! accounts together. So strangers elsewhere cannot lock out an owner who comes from a new network.

mod failure;
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
pub(crate) use failure::Failure;
use known::Known;

/// How a client is known to an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// By the secret that a login of this account gave to a device.
    Device(DeviceId),
    /// By a live session of this account.
    Session(SessionId),
    /// By an earlier login or request of this account from the same network.
    Network(Network),
}

/// The counters of recent failures, in a bounded amount of memory.
pub(crate) struct Throttle {
    known: Mutex<Known>,
    by_known: Buckets,
    /// Failures of all known clients of an account together.
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

    /// Checks whether a password may be tried, without counting a try. `known` is `None` for a stranger.
    ///
    /// # Errors
    /// The time for which it may not be tried, if no other failures are counted meanwhile.
    pub(crate) fn check(
        &self,
        known: Option<&Origin>,
        address: IpAddr,
        email: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        let Failure { account, origin, .. } = Failure::new(known, address, email);
        if let Some(origin) = self.taken_for_known(origin, account, now) {
            return self.by_known.peek(&origin, now);
        }
        self.by_network.peek(address, now)?;
        let all = lock(&self.all).peek(now);
        all.or_else(|wait| self.peek_own(address, None, wait, now))?;
        let peeked = self.by_account.peek(&account, now);
        peeked.or_else(|wait| self.peek_own(address, Some(account), wait, now))
    }

    /// Counts a wrong password, and returns what other servers need to count it.
    pub(crate) fn failed(
        &self,
        known: Option<&Origin>,
        address: IpAddr,
        email: &str,
        now: Instant,
    ) -> Failure {
        let failure = Failure::new(known, address, email);
        self.count(&failure, now);
        failure
    }

    /// Counts a wrong password, also one that another server was sent.
    pub(crate) fn count(&self, failure: &Failure, now: Instant) {
        let Failure { address, account, origin } = *failure;
        // An empty bucket cannot count further failures. So requests that were checked at the same time as this one get
        // through, at most as many as there are cores.
        if let Some(origin) = self.taken_for_known(origin, account, now) {
            let _ = self.by_known.take(&origin, now);
            let _ = self.known_in_all.take(&account, now);
            return;
        }
        let _ = self.by_network.take(address, now);
        let all = lock(&self.all).take(now);
        let _ = all.or_else(|_| self.own.take(&own(address, None), now));
        let _ = self.by_account.take(&account, now);
        let _ = self.own.take(&own(address, Some(account)), now);
    }

    /// `origin`, or `None` if the known clients of this account have failed too often: then the client counts as a
    /// stranger.
    fn taken_for_known(&self, origin: Option<i64>, account: i64, now: Instant) -> Option<i64> {
        origin.filter(|_| self.known_in_all.peek(&account, now).is_ok())
    }

    /// Checks the tries that the network of `address` has of its own, which count when the shared ones are used up.
    ///
    /// # Errors
    /// There is none left for this time, which is at most `wait`.
    fn peek_own(
        &self,
        address: IpAddr,
        account: Option<i64>,
        wait: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        self.own.peek(&own(address, account), now).map_err(|own| wait.min(own))
    }

    /// Records a right password or the token of a live session: the network of `address` is known to the account from
    /// now on.
    pub(crate) fn let_in(&self, address: IpAddr, account: AccountId) {
        lock(&self.known).add(account, Network::narrowest(address));
    }
}

/// The key of the tries that a network has of its own, for one account or for all. It is the widest network, since its
/// owner has all networks in it.
fn own(address: IpAddr, account: Option<i64>) -> impl Hash {
    (Network::levels(address).next_back(), account)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "throttle/tests.rs"]
mod tests;
