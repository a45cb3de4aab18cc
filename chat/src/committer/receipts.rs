//! Receipts that nobody waits for: each lets others go first, until it is due.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sql::{Operation, Submission};
use wire::Seq;

use super::Task;

/// In the order in which they came. A connection that says more than once how far it has received its log is in here once,
/// in its first place, and with the furthest that it has said when it goes.
#[derive(Default)]
pub(super) struct Receipts {
    waiting: VecDeque<(Instant, Task)>,
    /// How far connections have received their logs, by the connection's id.
    furthest: HashMap<u64, Seq>,
}

impl Receipts {
    /// Whether a receipt of the same connection waits already. That one then acknowledges the further `seq` of the two.
    pub(super) fn merge(&mut self, receipt: &Task) -> bool {
        let Some((connection, seq)) = received(receipt) else { return false };
        let Some(furthest) = self.furthest.get_mut(&connection) else { return false };
        *furthest = seq.max(*furthest);
        true
    }

    /// Adds one that has not been merged.
    pub(super) fn add(&mut self, receipt: Task, now: Instant) {
        if let Some((connection, seq)) = received(&receipt) {
            self.furthest.insert(connection, seq);
        }
        self.waiting.push_back((now, receipt));
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

    /// Moves the first of them to `tasks`.
    pub(super) fn move_to(&mut self, tasks: &mut Vec<Task>, count: usize) {
        for (_, mut receipt) in self.waiting.drain(..count.min(self.waiting.len())) {
            if let Task::Operation(
                Submission { operation: Operation::Received { seq }, .. },
                Some(outbox),
            ) = &mut receipt
                && let Some(furthest) = self.furthest.remove(&outbox.id())
            {
                *seq = furthest;
            }
            tasks.push(receipt);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Which connection has received its account's log how far.
fn received(receipt: &Task) -> Option<(u64, Seq)> {
    match receipt {
        Task::Operation(
            Submission { operation: Operation::Received { seq }, .. },
            Some(outbox),
        ) => Some((outbox.id(), *seq)),
        _ => None,
    }
}
