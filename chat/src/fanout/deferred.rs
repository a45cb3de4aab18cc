//! Deliveries that wait until a gap in their log is filled.

use std::collections::VecDeque;
use std::sync::Arc;

use wire::Seq;

use crate::limit::{DEFERRED_BYTES_MAX, DEFERRED_MAX};
use crate::outbox::Outbox;

/// Something to be delivered to connections of one account.
pub(super) enum Deferred {
    /// An event for all of them but one.
    Event { seq: Seq, json: Vec<u8>, except: Option<Arc<Outbox>> },
    /// The answer that one connection gets in place of an event.
    Answer { seq: Seq, outbox: Arc<Outbox>, json: Option<Vec<u8>> },
    /// The log has grown to this event.
    Head(Seq),
}

impl Deferred {
    fn bytes(&self) -> usize {
        match self {
            Self::Event { json, .. } => json.len(),
            Self::Answer { json, .. } => json.as_ref().map_or(0, Vec::len),
            Self::Head(_) => 0,
        }
    }
}

/// Everything that waits for one account, in order. Beyond [`DEFERRED_BYTES_MAX`] or [`DEFERRED_MAX`] nothing is kept,
/// and what was kept must not be delivered.
#[derive(Default)]
pub(super) struct Waiting {
    all: VecDeque<Deferred>,
    bytes: usize,
    is_too_long: bool,
}

impl Waiting {
    pub(super) fn push(&mut self, deferred: Deferred) {
        if let (Some(Deferred::Head(last)), Deferred::Head(head)) = (self.all.back_mut(), &deferred)
        {
            *last = (*last).max(*head);
            return;
        }
        let bytes = self.bytes + deferred.bytes();
        self.is_too_long |= bytes > DEFERRED_BYTES_MAX || self.all.len() >= DEFERRED_MAX;
        if !self.is_too_long {
            self.bytes = bytes;
            self.all.push_back(deferred);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Deferred> {
        let next = self.all.pop_front()?;
        self.bytes -= next.bytes();
        Some(next)
    }

    /// Puts back what [`Waiting::pop`] returned.
    pub(super) fn put_back(&mut self, deferred: Deferred) {
        self.bytes += deferred.bytes();
        self.all.push_front(deferred);
    }

    /// Whether something was not kept.
    pub(super) fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// The connections that wait for an answer.
    pub(super) fn answered(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.all.iter().filter_map(|deferred| match deferred {
            Deferred::Answer { outbox, .. } => Some(outbox),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Deferred {
        Deferred::Event { seq: Seq(1), json: vec![b' '; bytes], except: None }
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_number() {
        let mut waiting = Waiting::default();
        waiting.push(event(DEFERRED_BYTES_MAX));
        assert!(!waiting.is_too_long());
        waiting.push(event(1));
        assert!(waiting.is_too_long());

        let mut waiting = Waiting::default();
        (0..DEFERRED_MAX).for_each(|_| waiting.push(event(1)));
        assert!(!waiting.is_too_long());
        waiting.push(event(1));
        assert!(waiting.is_too_long());
        assert_eq!(waiting.all.len(), DEFERRED_MAX);
    }

    #[test]
    fn of_two_heads_in_a_row_the_further_one_waits() {
        let mut waiting = Waiting::default();
        [3, 7, 5].into_iter().for_each(|head| waiting.push(Deferred::Head(Seq(head))));
        assert!(matches!(waiting.pop(), Some(Deferred::Head(Seq(7)))));
        assert!(waiting.pop().is_none());
    }
}
