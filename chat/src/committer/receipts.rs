//! Delayed receipts: those without a `ref`, which no client waits for. Each is delayed until it is due.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sql::{Operation, Submission};
use wire::Seq;

use super::Task;

/// The delayed receipts, in the order of arrival. Several `received` of one connection are one entry, at the place of
/// the first one and with the highest `seq`.
#[derive(Default)]
pub(super) struct Receipts {
    waiting: VecDeque<(Instant, Task)>,
    /// The highest `seq` of the waiting `received` of each connection, by the connection's id.
    furthest: HashMap<u64, Seq>,
}

impl Receipts {
    /// Returns whether a `received` of the same connection waits already. That one then acknowledges the higher `seq`
    /// of the two.
    pub(super) fn merge(&mut self, receipt: &Task) -> bool {
        let Some((connection, seq)) = received(receipt) else { return false };
        let Some(furthest) = self.furthest.get_mut(&connection) else { return false };
        *furthest = seq.max(*furthest);
        true
    }

    /// Adds a receipt that was not merged.
    pub(super) fn add(&mut self, receipt: Task, now: Instant) {
        if let Some((connection, seq)) = received(&receipt) {
            self.furthest.insert(connection, seq);
        }
        self.waiting.push_back((now, receipt));
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The time at which the first receipt has waited for `wait`.
    pub(super) fn due_at(&self, wait: Duration) -> Option<Instant> {
        self.waiting.front().map(|(since, _)| *since + wait)
    }

    /// The number of receipts that have waited for `wait`, at most `most`.
    pub(super) fn due(&self, wait: Duration, now: Instant, most: usize) -> usize {
        let is_due = |(since, _): &&(Instant, Task)| *since + wait <= now;
        self.waiting.iter().take(most).take_while(is_due).count()
    }

    /// Moves the first `count` receipts to `tasks`.
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

/// The connection and the `seq` of a `received`.
fn received(receipt: &Task) -> Option<(u64, Seq)> {
    match receipt {
        Task::Operation(
            Submission { operation: Operation::Received { seq }, .. },
            Some(outbox),
        ) => Some((outbox.id(), *seq)),
        _ => None,
    }
}
