//! How often one connection may exceed the rate limits.

use std::time::{Duration, Instant};

use net::bucket::Bucket;

use crate::limit::{STRIKES_MAX, STRIKES_PER_SECOND};

/// A request that is refused because it exceeds a rate limit.
#[derive(Debug, PartialEq)]
pub(crate) enum TooFast {
    /// After this wait another one is accepted.
    Wait(Duration),
    /// The connection was refused too often, and must be closed.
    Enough,
}

/// The refusals of one connection for exceeding rate limits.
pub(crate) struct Strikes(Bucket);

impl Strikes {
    pub(crate) fn new() -> Self {
        Self(Bucket::new(f64::from(STRIKES_MAX), STRIKES_PER_SECOND))
    }

    /// Counts a refusal with this wait.
    pub(crate) fn count(&mut self, wait: Duration, now: Instant) -> TooFast {
        self.0.take(now).map_or(TooFast::Enough, |()| TooFast::Wait(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_forgiven_at_once_and_then_one_a_second() {
        let (mut strikes, start) = (Strikes::new(), Instant::now());
        let wait = Duration::from_millis(500);
        for _ in 0..STRIKES_MAX {
            assert_eq!(strikes.count(wait, start), TooFast::Wait(wait));
        }
        assert_eq!(strikes.count(wait, start), TooFast::Enough);
        let later = start + Duration::from_secs(1);
        assert_eq!(strikes.count(wait, later), TooFast::Wait(wait));
        assert_eq!(strikes.count(wait, later), TooFast::Enough);
    }
}
