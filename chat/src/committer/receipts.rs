//! Receipts that nobody waits for: each lets others go first, until it is due.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::{Act, Deed};

use super::Task;

/// In the order in which they came. A connection that says more than once how far it has received its log is in here once,
/// in its first place, with the furthest that it has said.
#[derive(Default)]
pub(super) struct Receipts {
    waiting: VecDeque<(Instant, Task)>,
    /// How many have gone.
    gone: usize,
    /// Whose word on its log is where: the address of its outbox, which is kept alive here; how many came before it.
    places: HashMap<usize, usize>,
}

impl Receipts {
    /// Adds one. False if it is in what waits already.
    pub(super) fn add(&mut self, receipt: Task, now: Instant) -> bool {
        if let Some((seq, connection)) = received(&receipt) {
            let (seq, place) = (*seq, self.gone + self.waiting.len());
            let place = *self.places.entry(connection).or_insert(place);
            if let Some((_, known)) = self.waiting.get_mut(place - self.gone) {
                if let Task::Act(Act { deed: Deed::Received { seq: known }, .. }, _) = known {
                    *known = seq.max(*known);
                }
                return false;
            }
        }
        self.waiting.push_back((now, receipt));
        true
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the first has waited for so long.
    pub(super) fn due_at(&self, wait: Duration) -> Option<Instant> {
        self.waiting.front().map(|(since, _)| *since + wait)
    }

    /// How many, but no more than `most`, have waited for so long.
    pub(super) fn due(&self, wait: Duration, now: Instant, most: usize) -> usize {
        let is_due = |(since, _): &&(Instant, Task)| *since + wait <= now;
        self.waiting.iter().take(most).take_while(is_due).count()
    }

    /// Takes the first of them.
    pub(super) fn take(&mut self, count: usize) -> impl Iterator<Item = Task> {
        let count = count.min(self.waiting.len());
        self.gone += count;
        let places = &mut self.places;
        self.waiting.drain(..count).map(|(_, receipt)| {
            if let Some((_, connection)) = received(&receipt) {
                places.remove(&connection);
            }
            receipt
        })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How far which connection has received its account's log.
fn received(receipt: &Task) -> Option<(&wire::Seq, usize)> {
    match receipt {
        Task::Act(Act { deed: Deed::Received { seq }, .. }, Some(outbox)) => {
            Some((seq, Arc::as_ptr(outbox).addr()))
        }
        _ => None,
    }
}
