//! How often one connection may go over its account's rate.

use std::time::{Duration, Instant};

use net::bucket::Bucket;

use crate::limit::{STRIKES_MAX, STRIKES_PER_SECOND};

/// Something is refused for having come too fast.
#[derive(Debug, PartialEq)]
pub(crate) enum TooFast {
    /// The next one is welcome after this time.
    Wait(Duration),
    /// That has happened too often.
    Enough,
}

/// One connection's refusals for having been too fast.
pub(crate) struct Strikes(Bucket);

impl Strikes {
    pub(crate) fn new() -> Self {
        Self(Bucket::new(f64::from(STRIKES_MAX), STRIKES_PER_SECOND))
    }

    /// Counts one more, after which it is to wait for so long.
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
