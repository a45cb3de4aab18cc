//! Logs a repeated failure once a second: repetitions are counted, and the count is logged.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use os_thread::lock;

use crate::limit::{CAUSES_TOLD_MAX, FAILURE_LOG_INTERVAL, LOG_STACK_BYTES};

/// A filter for warnings and errors that have a field `cause` or `error`. The cause is the former if there are both: then the text of
/// the error may differ each time, with an address or a time in it. The first one passes. If the same place logs the same
/// cause again within [`FAILURE_LOG_INTERVAL`], these events are counted, and at the end of the interval one line has their
/// number and the last of them.
pub(super) struct Repeat(Arc<Shared>);

#[derive(Default)]
struct Shared {
    told: Mutex<Vec<Told>>,
    added: Condvar,
}

/// A failure that was logged less than an interval ago.
struct Told {
    place: Identifier,
    cause: String,
    at: Instant,
    level: Level,
    /// How many times it was repeated since.
    count: u64,
    /// The fields of the last repetition.
    last: String,
}

impl Repeat {
    /// `None` if the thread that logs the counts cannot be started.
    pub(super) fn start() -> Option<Self> {
        let shared = Arc::<Shared>::default();
        let counted = Arc::clone(&shared);
        let thread = os_thread::spawn("log-repeat", LOG_STACK_BYTES, move || counted.run());
        thread.ok().map(|_| Self(shared))
    }
}

impl<S: Subscriber> Layer<S> for Repeat {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return true;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let Some(cause) = words.cause else { return true };
        let text = format!("{}{}", words.message, words.others);
        self.0.is_new(event.metadata().callsite(), level, cause, text, Instant::now())
    }
}

impl Shared {
    /// Whether the event is logged now. If not, it is counted.
    fn is_new(
        &self,
        place: Identifier,
        level: Level,
        mut cause: String,
        text: String,
        now: Instant,
    ) -> bool {
        let mut told = lock(&self.told);
        if told.len() >= CAUSES_TOLD_MAX {
            // Too many different causes: all further ones count as one.
            cause.clear();
        }
        let is_same =
            |one: &&mut Told| one.place == place && (one.cause == cause || one.cause.is_empty());
        if let Some(one) = told.iter_mut().find(is_same) {
            one.count += 1;
            one.last = text;
            return false;
        }
        told.push(Told { place, cause, at: now, level, count: 0, last: String::new() });
        self.added.notify_one();
        true
    }

    /// Takes the counts of all failures whose interval is over.
    fn due(told: &mut Vec<Told>, now: Instant) -> Vec<(Level, u64, String)> {
        let is_over = |one: &Told| now.saturating_duration_since(one.at) >= FAILURE_LOG_INTERVAL;
        told.retain(|one| one.count > 0 || !is_over(one));
        let again = told.iter_mut().filter(|one| is_over(one)).map(|one| {
            one.at = now;
            (one.level, std::mem::take(&mut one.count), std::mem::take(&mut one.last))
        });
        again.collect()
    }

    fn run(&self) {
        let mut told = lock(&self.told);
        loop {
            let now = Instant::now();
            let due = Self::due(&mut told, now);
            if !due.is_empty() {
                drop(told);
                for (level, count, last) in due {
                    match level {
                        Level::ERROR => tracing::error!(count, "again: {last}"),
                        _ => tracing::warn!(count, "again: {last}"),
                    }
                }
                told = lock(&self.told);
                continue;
            }
            told = match told.iter().map(|one| one.at + FAILURE_LOG_INTERVAL).min() {
                None => self.added.wait(told).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(now);
                    let waited = self.added.wait_timeout(told, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Words {
    message: String,
    cause: Option<String>,
    others: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => {
                let _ = write!(self.others, " {name}={value:?}");
                if name == "cause" || name == "error" && self.cause.is_none() {
                    self.cause = Some(format!("{value:?}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::Callsite as _;

    use super::*;

    struct Place(&'static tracing::Metadata<'static>);

    fn places() -> [Identifier; 2] {
        let one = tracing::callsite!(name: "one", kind: tracing::metadata::Kind::EVENT, fields: );
        let two = tracing::callsite!(name: "two", kind: tracing::metadata::Kind::EVENT, fields: );
        [one, two].map(|site| Place(site.metadata()).0.callsite())
    }

    fn note(shared: &Shared, place: &Identifier, cause: &str, now: Instant) -> bool {
        let (cause, text) = (cause.to_owned(), format!("failed error={cause}"));
        shared.is_new(place.clone(), Level::WARN, cause, text, now)
    }

    #[test]
    fn what_repeats_is_told_once_in_an_interval_with_its_count_also_the_last_time() {
        let (shared, begin, [one, two]) = (Shared::default(), Instant::now(), places());
        let due = |now| Shared::due(&mut lock(&shared.told), now);
        assert!(note(&shared, &one, "full", begin));
        assert!(note(&shared, &one, "away", begin), "another cause");
        assert!(note(&shared, &two, "full", begin), "another place");
        let soon = begin + FAILURE_LOG_INTERVAL / 2;
        for _ in 0..9 {
            assert!(!note(&shared, &one, "full", soon));
        }
        assert_eq!(due(soon), []);
        let after = begin + FAILURE_LOG_INTERVAL;
        let again = |count| [(Level::WARN, count, "failed error=full".to_owned())];
        assert_eq!(due(after), again(9));
        assert!(!note(&shared, &one, "full", after + Duration::from_millis(1)));
        assert!(note(&shared, &two, "full", after), "it was over");
        assert_eq!(due(after + FAILURE_LOG_INTERVAL), again(1), "nothing came after it");
        assert_eq!(due(after + 2 * FAILURE_LOG_INTERVAL), []);
        assert!(lock(&shared.told).is_empty());
    }

    #[test]
    fn so_many_causes_are_told_apart() {
        let (shared, now, [one, _]) = (Shared::default(), Instant::now(), places());
        let told = (0..1000).filter(|n| note(&shared, &one, &n.to_string(), now)).count();
        assert_eq!(told, CAUSES_TOLD_MAX + 1);
    }
}
