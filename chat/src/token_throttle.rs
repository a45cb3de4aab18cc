//! Limits how much of the database a network that tries out tokens can use.
//!
//! A token that was good here lately is looked up at once, wherever it comes from. An IPv4 address, or a /64, /56 or /48 of IPv6,
//! from which too many others failed has those looked up one at a time, together with all such networks: nobody is refused
//! for what a neighbour does, and one reader of the database is all they can hold.

use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use net::network::NetworkBuckets;

use crate::limit::{FAILED_HELLOS_BURST, FAILED_HELLOS_PER_SECOND};

pub(crate) struct TokenThrottle {
    /// Failures that each network may have.
    failures: NetworkBuckets,
    /// Whether somebody is in the gate.
    is_taken: Mutex<bool>,
    freed: Condvar,
}

/// A place in the gate, for one look-up. Given back by its drop.
pub(crate) struct LookupPermit<'a>(Option<&'a TokenThrottle>);

impl TokenThrottle {
    pub(crate) fn new() -> Self {
        Self {
            failures: NetworkBuckets::new(FAILED_HELLOS_BURST, FAILED_HELLOS_PER_SECOND),
            is_taken: Mutex::new(false),
            freed: Condvar::new(),
        }
    }

    /// To be held while a token that is not known is looked up. Waits for it, if too many failed that came from one of `client`'s
    /// networks; `None` if that takes until `until`.
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

    /// A token from there is not good. Returns whether too many from one of `client`'s networks were not.
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
        // Who waits gets in once it is free.
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
