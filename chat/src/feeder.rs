//! Takes committed events to the connections of their accounts. Used by the committer's thread alone.

use std::sync::Arc;

use sql::{Event, Post, Store, Stored};
use wire::{AccountId, Close, Frame, MessageId, Seq};

use crate::hub::Hub;
use crate::limit::REPLAY_PAGE;
use crate::outbox::{Delivery, Outbox};

pub(crate) struct Feeder {
    store: Arc<Store>,
    hub: Arc<Hub>,
    /// Outboxes with something to send.
    touched: Vec<Arc<Outbox>>,
    json: Vec<u8>,
}

impl Feeder {
    pub(crate) fn new(store: Arc<Store>, hub: Arc<Hub>) -> Self {
        Self { store, hub, touched: Vec::new(), json: Vec::new() }
    }

    /// Appends an answer.
    pub(crate) fn push(&mut self, outbox: &Arc<Outbox>, frame: &Frame<'_>) {
        outbox.push(frame);
        self.touched.push(Arc::clone(outbox));
    }

    /// A message is stored: `sent` to the connection it came from, the event to every other of both accounts.
    pub(crate) fn announce(&mut self, post: &Post, stored: &Stored, origin: &Arc<Outbox>) {
        if let Some(reference) = &post.reference {
            let (id, seq) = (Some(stored.id), Some(stored.sender_seq));
            self.push(origin, &Frame::Sent { reference, id, seq, at: stored.at });
        }
        let is_to_self = post.from == post.to;
        let known_to = (!is_to_self).then_some(origin);
        self.event(post.from, stored.sender_seq, post, stored, known_to);
        if !is_to_self {
            self.event(post.to, stored.recipient_seq, post, stored, None);
        }
    }

    /// Sends all that was appended.
    pub(crate) fn flush(&mut self) {
        for outbox in self.touched.drain(..) {
            outbox.flush();
        }
    }

    /// Gives every connection of `account` the events up to `head` that it has missed.
    pub(crate) fn fill(&mut self, account: AccountId, head: Seq) {
        let mut behind = Vec::new();
        self.hub.each_of(account, |outbox| match outbox.last() {
            Some(last) if last < head => behind.push((Arc::clone(outbox), last)),
            Some(_) => {}
            // It reads the log itself, and now knows how far.
            None => drop(outbox.deliver(head, None)),
        });
        for (outbox, since) in behind {
            self.fill_one(account, &outbox, since);
        }
    }

    fn event(
        &mut self,
        account: AccountId,
        seq: Seq,
        post: &Post,
        stored: &Stored,
        known_to: Option<&Arc<Outbox>>,
    ) {
        let Self { hub, touched, json, .. } = self;
        json.clear();
        let mut gaps = Vec::new();
        hub.each_of(account, |outbox| {
            let is_known = known_to.is_some_and(|origin| Arc::ptr_eq(origin, outbox));
            if !is_known && json.is_empty() {
                message(stored.id, seq, post.from, post.to, &post.content, stored.at).write(json);
            }
            match outbox.deliver(seq, (!is_known).then_some(json)) {
                Delivery::Done => touched.push(Arc::clone(outbox)),
                Delivery::Gap { since } => gaps.push((Arc::clone(outbox), since)),
            }
        });
        for (outbox, since) in gaps {
            self.fill_one(account, &outbox, since);
        }
    }

    /// Reads from the log what one live connection has missed. Rare: a commit was in doubt.
    fn fill_one(&mut self, account: AccountId, outbox: &Arc<Outbox>, mut since: Seq) {
        loop {
            let Ok(events) = self.store.events(account, since, REPLAY_PAGE) else {
                // It comes back and resumes from the log.
                return outbox.close(Close::GoingAway);
            };
            for event in &events {
                self.json.clear();
                frame(event).write(&mut self.json);
                outbox.deliver(event.seq(), Some(&self.json));
                since = event.seq();
            }
            if events.len() < REPLAY_PAGE {
                break;
            }
        }
        self.touched.push(Arc::clone(outbox));
    }
}

/// The frame of an event read from the log.
pub(crate) fn frame(event: &Event) -> Frame<'_> {
    match event {
        Event::Message { seq, id, from, to, content, at } => {
            message(*id, *seq, *from, *to, content, *at)
        }
    }
}

fn message(
    id: MessageId,
    seq: Seq,
    from: AccountId,
    to: AccountId,
    content: &str,
    at: i64,
) -> Frame<'_> {
    Frame::Message { id: Some(id), seq: Some(seq), from, to, content, at }
}
