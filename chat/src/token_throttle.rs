//! Limits how much of the database a network that tries out tokens can use.
//!
//! A token that was valid here lately is looked up at once, from any network. If too many other tokens from an IPv4
//! address, or a /64, /56 or /48 of IPv6, were wrong, further ones from there are looked up one at a time, together
//! with those of all such networks. So no client is refused because of a neighbour, and all such networks together use
//! one connection to the database.

use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use net::network::NetworkBuckets;

use crate::limit::{FAILED_HELLOS_BURST, FAILED_HELLOS_PER_SECOND};

pub(crate) struct TokenThrottle {
    /// Failures that each network may have.
    failures: NetworkBuckets,
    /// Whether the gate is taken.
    is_taken: Mutex<bool>,
    freed: Condvar,
}

/// The right to one look-up through the gate. It is returned when this is dropped.
pub(crate) struct LookupPermit<'a>(Option<&'a TokenThrottle>);

impl TokenThrottle {
    pub(crate) fn new() -> Self {
        Self {
            failures: NetworkBuckets::new(FAILED_HELLOS_BURST, FAILED_HELLOS_PER_SECOND),
            is_taken: Mutex::new(false),
            freed: Condvar::new(),
        }
    }

    /// The permit for the look-up of an unknown token. If too many tokens from one of `client`'s networks were wrong,
    /// waits for the gate; `None` if that takes until `until`.
    pub(crate) fn acquire(
        &self,
        client: IpAddr,
        now: Instant,
        until: Instant,
    ) -> Option<LookupPermit<'_>> {
        if self.failures.peek(client, now).is_ok() {
            return Some(LookupPermit(None));
        }
        let mut is_taken = lock(&self.is_taken);
        while *is_taken {
            let left =
                until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let waited = self.freed.wait_timeout(is_taken, left);
            is_taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_taken = true;
        Some(LookupPermit(Some(self)))
    }

    /// Counts a wrong token from `client`. Returns whether too many tokens from one of its networks were wrong.
    pub(crate) fn record_failure(&self, client: IpAddr, now: Instant) -> bool {
        self.failures.take(client, now).is_err()
    }
}

impl Drop for LookupPermit<'_> {
    fn drop(&mut self) {
        if let Some(throttle) = self.0 {
            *lock(&throttle.is_taken) = false;
            throttle.freed.notify_one();
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

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail_often(throttle: &TokenThrottle, client: IpAddr, now: Instant) {
        (0..FAILED_HELLOS_BURST as u32)
            .for_each(|_| assert!(!throttle.record_failure(client, now)));
        assert!(throttle.record_failure(client, now), "one too many");
    }

    #[test]
    fn networks_that_failed_too_often_go_one_at_a_time() {
        let (throttle, now) = (TokenThrottle::new(), Instant::now());
        let at_once = || throttle.acquire(ip("2001:db8::1"), now, now);
        let (first, second) = (at_once(), at_once());
        assert!(first.is_some() && second.is_some(), "nobody has failed");
        fail_often(&throttle, ip("2001:db8::2"), now);
        fail_often(&throttle, ip("192.0.2.1"), now);
        let held = at_once();
        assert!(held.is_some() && at_once().is_none(), "the same /64");
        assert!(throttle.acquire(ip("192.0.2.1"), now, now).is_none(), "one for all of them");
        assert!(throttle.acquire(ip("192.0.2.2"), now, now).is_some(), "others do not wait");
        // A thread that waits gets the gate once it is free.
        let until = now + Duration::from_secs(20);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| throttle.acquire(ip("192.0.2.1"), now, until).is_some());
            drop(held);
            assert!(waiting.join().unwrap());
        });
        assert!(at_once().is_some(), "given back");
        let later = now + Duration::from_secs(2);
        let both = (
            throttle.acquire(ip("192.0.2.1"), later, later),
            throttle.acquire(ip("192.0.2.1"), later, later),
        );
        assert!(both.0.is_some() && both.1.is_some(), "forgiven");
    }

    #[test]
    fn who_has_many_networks_is_counted_by_what_they_have_in_common() {
        let (throttle, now) = (TokenThrottle::new(), Instant::now());
        let fail = |network: String| throttle.record_failure(network.parse().unwrap(), now);
        let failed = (0..1000).filter(|n| fail(format!("2001:db8:1:{n:x}::1"))).count();
        assert!(failed > 0);
        let fresh = || throttle.acquire(ip("2001:db8:1:ffff::1"), now, now);
        let held = fresh();
        assert!(held.is_some() && fresh().is_none(), "the same /48");
        assert!(
            throttle.acquire(ip("2001:db8:2::1"), now, now).is_some(),
            "another one does not wait"
        );
    }
}
