//! A log line at most once per interval and key.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use os_thread::lock;

use crate::limit::LIMITER_KEYS_MAX;

/// Lets each key through once in an interval, and at most [`LIMITER_KEYS_MAX`] different keys, since clients may be able to choose
/// keys freely.
#[derive(Debug)]
pub struct LogLimiter {
    interval: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The time at which the first key of the interval was let through.
    since: Option<Instant>,
    keys: Vec<String>,
}

impl LogLimiter {
    /// A limiter that lets no key through twice within `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, seen: Mutex::new(Seen { since: None, keys: Vec::new() }) }
    }

    /// Whether `now` is the first time for this key in its interval.
    pub fn is_due(&self, key: &str, now: Instant) -> bool {
        let mut seen = lock(&self.seen);
        let is_over =
            seen.since.is_none_or(|it| now.saturating_duration_since(it) >= self.interval);
        if is_over {
            *seen = Seen { since: Some(now), keys: Vec::new() };
        }
        let is_due = seen.keys.len() < LIMITER_KEYS_MAX && !seen.keys.iter().any(|it| it == key);
        if is_due {
            seen.keys.push(key.to_owned());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_once_in_an_interval() {
        let (limiter, begin) = (LogLimiter::new(Duration::from_secs(60)), Instant::now());
        for (seconds, name, is_due) in [
            (0, "evil.example", true),
            (1, "evil.example", false),
            (1, "chat.example", true),
            (59, "chat.example", false),
            (60, "evil.example", true),
            (61, "chat.example", true),
            (119, "chat.example", false),
            (120, "chat.example", true),
        ] {
            let now = begin + Duration::from_secs(seconds);
            assert_eq!(limiter.is_due(name, now), is_due, "{name} after {seconds} s");
        }
    }

    #[test]
    fn the_number_of_keys_in_an_interval_is_bounded() {
        let (limiter, now) = (LogLimiter::new(Duration::from_secs(60)), Instant::now());
        let told = (0..1000).filter(|n| limiter.is_due(&n.to_string(), now)).count();
        assert_eq!(told, LIMITER_KEYS_MAX);
    }
}
