//! Something that is done at most once in a while, however often there is reason to.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Lets one through in each interval.
#[derive(Debug)]
pub(crate) struct Seldom {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// Whether `now` is the first time, or an interval or more after the last time that this was true.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let mut last = lock(&self.last);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_each_interval() {
        let (seldom, begin) = (Seldom::new(Duration::from_secs(60)), Instant::now());
        for (seconds, is_due) in
            [(0, true), (1, false), (59, false), (60, true), (119, false), (120, true)]
        {
            assert_eq!(seldom.is_due(begin + Duration::from_secs(seconds)), is_due, "{seconds} s");
        }
    }
}
