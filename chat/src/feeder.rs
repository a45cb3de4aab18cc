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
        // Who writes to itself hears the message as well, on the same connection too.
        if post.from == post.to {
            self.event(post.from, stored.sender_seq, post, stored, None);
            return self.answer(origin, post, stored);
        }
        self.answer(origin, post, stored);
        self.event(post.from, stored.sender_seq, post, stored, Some(origin));
        self.event(post.to, stored.recipient_seq, post, stored, None);
    }

    /// `sent`, in the place of the event in the sender's log.
    pub(crate) fn answer(&mut self, origin: &Arc<Outbox>, post: &Post, stored: &Stored) {
        let (seq, mut answer) = (stored.sender_seq, Vec::new());
        if let Some(reference) = &post.reference {
            Frame::Sent { reference, id: Some(stored.id), seq: Some(seq), at: stored.at }
                .write(&mut answer);
        }
        let answer = (!answer.is_empty()).then_some(answer.as_slice());
        if let Delivery::Gap { since } = origin.answer(seq, answer) {
            // Everything before it first; the log then brings the event itself too.
            self.fill_one(post.from, origin, since);
            origin.answer(seq, answer);
        }
        self.touched.push(Arc::clone(origin));
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
        self.hub.each_of(account, |outbox| {
            behind.extend(outbox.behind(head).map(|since| (Arc::clone(outbox), since)));
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
        origin: Option<&Arc<Outbox>>,
    ) {
        let Self { hub, touched, json, .. } = self;
        json.clear();
        let mut gaps = Vec::new();
        hub.each_of(account, |outbox| {
            if origin.is_some_and(|origin| Arc::ptr_eq(origin, outbox)) {
                return;
            }
            if json.is_empty() {
                message(stored.id, seq, post.from, post.to, &post.content, stored.at).write(json);
            }
            match outbox.deliver(seq, json) {
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
                outbox.deliver(event.seq(), &self.json);
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
