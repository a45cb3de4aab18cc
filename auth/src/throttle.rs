//! The brake for wrong passwords. Right ones cost nothing.
//!
//! Who is *known* (a device with the secret of an earlier login, a live session, a network from which the account has logged
//! in before) is kept out by its own failures only. Whoever else is a *stranger*: its failures count for the networks that it
//! comes from, for the account it asks for, also if there is none, and for all strangers together; once one of these is used
//! up, strangers wait, with the right password too. So that strangers elsewhere cannot keep an owner out who comes from a new
//! network, each network has a few tries of its own at each account.

mod known;

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use door::bucket::{Bucket, Buckets};
use door::network::{Network, NetworkBuckets};
use wire::SessionId;

use crate::device::DeviceId;
use crate::limit::{
    ACCOUNT_FAILURES, ACCOUNT_FAILURES_PER_SECOND, BUCKETS_WIDTH, KNOWN_FAILURES,
    KNOWN_FAILURES_PER_SECOND, NETWORK_FAILURES, NETWORK_FAILURES_PER_SECOND, OWN_TRIES,
    OWN_TRIES_PER_SECOND, STRANGER_FAILURES, STRANGER_FAILURES_PER_SECOND,
};
use known::Known;

/// What shows that somebody has been let into an account before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The secret that a login of this account gave to a device.
    Device(DeviceId),
    /// A live session of this account.
    Session(SessionId),
    /// An earlier login of this account from the same network.
    Network(Network),
}

/// What went wrong lately, in a bounded amount of memory.
pub(crate) struct Throttle {
    known: Mutex<Known>,
    by_known: Buckets,
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
            by_network: NetworkBuckets::new(NETWORK_FAILURES, NETWORK_FAILURES_PER_SECOND),
            by_account: buckets(ACCOUNT_FAILURES, ACCOUNT_FAILURES_PER_SECOND),
            own: buckets(OWN_TRIES, OWN_TRIES_PER_SECOND),
            all: Mutex::new(Bucket::new(STRANGER_FAILURES, STRANGER_FAILURES_PER_SECOND)),
        }
    }

    /// The network of `address`, if the account of this folded email has logged in from there.
    pub(crate) fn known(&self, address: IpAddr, email: &str) -> Option<Origin> {
        let network = Network::narrowest(address);
        lock(&self.known).has(email, network).then_some(Origin::Network(network))
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
        if let Some(origin) = known {
            return self.by_known.peek(&(email, origin), now);
        }
        self.by_network.peek(address, now)?;
        lock(&self.all).peek(now)?;
        let Err(wait) = self.by_account.peek(&email, now) else { return Ok(()) };
        self.own.peek(&own(address, email), now).map_err(|own| wait.min(own))
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
        if let Some(origin) = known {
            let _ = self.by_known.take(&(email, origin), now);
            return;
        }
        let _ = self.by_network.take(address, now);
        let _ = lock(&self.all).take(now);
        let _ = self.by_account.take(&email, now);
        let _ = self.own.take(&own(address, email), now);
    }

    /// Takes down a right one: this account's owner is at this address.
    pub(crate) fn succeeded(&self, address: IpAddr, email: &str) {
        lock(&self.known).add(email, Network::narrowest(address));
    }
}

/// What has tries of its own: the widest network, since who has it has all that are in it.
fn own(address: IpAddr, email: &str) -> impl Hash {
    (Network::levels(address).next_back(), email.to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "throttle/tests.rs"]
mod tests;
