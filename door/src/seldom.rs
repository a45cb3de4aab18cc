//! Something that is done at most once in a while for each name, however often there is reason to.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::limit::NAMES_TOLD_MAX;
use crate::lock::lock;

/// Lets each name through once in an interval, and at most [`NAMES_TOLD_MAX`] names: one that somebody makes up does not hide the
/// others.
#[derive(Debug)]
pub(crate) struct Seldom {
    interval: Duration,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    /// When the first of them was let through.
    since: Option<Instant>,
    names: Vec<String>,
}

impl Seldom {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, told: Mutex::new(Told { since: None, names: Vec::new() }) }
    }

    /// Whether `now` is the first time for this name in an interval.
    pub(crate) fn is_due(&self, name: &str, now: Instant) -> bool {
        let mut told = lock(&self.told);
        let is_over =
            told.since.is_none_or(|it| now.saturating_duration_since(it) >= self.interval);
        if is_over {
            *told = Told { since: Some(now), names: Vec::new() };
        }
        let is_due = told.names.len() < NAMES_TOLD_MAX && !told.names.iter().any(|it| it == name);
        if is_due {
            told.names.push(name.to_owned());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_once_in_an_interval() {
        let (seldom, begin) = (Seldom::new(Duration::from_secs(60)), Instant::now());
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
            assert_eq!(seldom.is_due(name, now), is_due, "{name} after {seconds} s");
        }
    }

    #[test]
    fn there_are_so_many_names_in_an_interval() {
        let (seldom, now) = (Seldom::new(Duration::from_secs(60)), Instant::now());
        let told = (0..1000).filter(|n| seldom.is_due(&n.to_string(), now)).count();
        assert_eq!(told, NAMES_TOLD_MAX);
    }
}
