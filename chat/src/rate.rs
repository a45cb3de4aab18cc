//! How fast one connection may send.

use std::time::{Duration, Instant};

use door::bucket::Bucket;

use crate::limit::{RATE_BURST_SECONDS, STRIKES_MAX, STRIKES_PER_SECOND};

/// A message is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum TooFast {
    /// The next one is welcome after this time.
    Wait(Duration),
    /// It has been refused too often.
    Enough,
}

/// One connection's brake.
pub(crate) struct Rate {
    /// `None`: no limit.
    messages: Option<Bucket>,
    strikes: Bucket,
}

impl Rate {
    /// `per_second` messages a second, saved up for [`RATE_BURST_SECONDS`]; 0: no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let burst = f64::from(per_second) * f64::from(RATE_BURST_SECONDS);
        let messages = (per_second > 0).then(|| Bucket::new(burst, f64::from(per_second)));
        Self { messages, strikes: Bucket::new(f64::from(STRIKES_MAX), STRIKES_PER_SECOND) }
    }

    /// Counts one message.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), TooFast> {
        let Some(messages) = &mut self.messages else { return Ok(()) };
        messages.take(now).map_err(|wait| match self.strikes.take(now) {
            Ok(()) => TooFast::Wait(wait),
            Err(_) => TooFast::Enough,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_worth_then_refusals_then_enough() {
        let (mut rate, start) = (Rate::new(2), Instant::now());
        for _ in 0..2 * RATE_BURST_SECONDS {
            assert_eq!(rate.take(start), Ok(()));
        }
        for _ in 0..STRIKES_MAX {
            assert!(
                matches!(rate.take(start), Err(TooFast::Wait(wait)) if wait <= Duration::from_millis(500))
            );
        }
        assert_eq!(rate.take(start), Err(TooFast::Enough));
        assert_eq!(rate.take(start + Duration::from_millis(500)), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        let (mut rate, start) = (Rate::new(0), Instant::now());
        assert!((0..100_000).all(|_| rate.take(start).is_ok()));
    }
}
