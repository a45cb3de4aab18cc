//! Appends events and live frames to the outboxes of the accounts that they are for. Used by the dispatcher's thread alone.

use std::sync::Arc;

use sql::{CommittedEvent, Entry, Error, EventBody, Store};
use wire::{AccountId, Close, Frame, Recipient, Seq};

use crate::event;
use crate::hub::Hub;
use crate::limit::REPLAY_PAGE;
use crate::outbox::{Delivery, Outbox};
use crate::presence::Presence;

pub(crate) struct Fanout {
    /// Guest mode has none, and no events.
    store: Option<Arc<Store>>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    /// Outboxes with something to send.
    to_flush: Vec<Arc<Outbox>>,
    json: Vec<u8>,
}

/// The connection whose request an event answers.
pub(crate) struct Origin<'a> {
    pub(crate) account: AccountId,
    pub(crate) outbox: &'a Arc<Outbox>,
    pub(crate) reference: Option<&'a str>,
}

impl Fanout {
    pub(crate) fn new(store: Option<Arc<Store>>, hub: Arc<Hub>, presence: Arc<Presence>) -> Self {
        Self { store, hub, presence, to_flush: Vec::new(), json: Vec::new() }
    }

    /// Appends an answer.
    pub(crate) fn push(&mut self, outbox: &Arc<Outbox>, frame: &Frame<'_>) {
        outbox.push(frame);
        self.touch(outbox);
    }

    /// An event is stored: the answer to the connection that asked for it, the event to every other of its accounts.
    pub(crate) fn fan_out(&mut self, event: &CommittedEvent, origin: Option<&Origin<'_>>) {
        self.hub.advance_generation();
        for (account, seq) in &event.to {
            self.note(*account, &event.body);
            match origin.filter(|origin| origin.account == *account) {
                None => self.event(*account, *seq, &event.body, None),
                // Who writes to itself hears the message as well, on the same connection too.
                Some(origin) if is_to_self(&event.body) => {
                    self.event(*account, *seq, &event.body, None);
                    self.answer(origin, &event.body, *seq);
                }
                // Without a `ref` nobody waits for an answer: it hears the event like the others, but not its own words.
                Some(origin) if origin.reference.is_none() && !is_message(&event.body) => {
                    self.event(*account, *seq, &event.body, None);
                }
                Some(origin) => {
                    self.answer(origin, &event.body, *seq);
                    self.event(*account, *seq, &event.body, Some(origin.outbox));
                }
            }
        }
    }

    /// The answer to a request that became event `seq`, in the place of that event.
    pub(crate) fn answer(&mut self, origin: &Origin<'_>, what: &EventBody, seq: Seq) {
        let Origin { account, outbox, reference } = *origin;
        self.json.clear();
        if reference.is_some() {
            event::frame(account, seq, what, reference).write(&mut self.json);
        }
        let answer = (!self.json.is_empty()).then_some(self.json.as_slice());
        if let Delivery::Gap { since } = outbox.answer(seq, answer) {
            // Everything before it first.
            let answer = answer.map(<[u8]>::to_vec);
            self.backfill_one(account, outbox, since, seq.before());
            outbox.answer(seq, answer.as_deref());
        }
        self.touch(outbox);
    }

    /// Sends all that was appended.
    pub(crate) fn flush(&mut self) {
        for outbox in self.to_flush.drain(..) {
            outbox.flush();
        }
    }

    /// Appends a live frame for every connection of these accounts.
    pub(crate) fn live(&mut self, accounts: &[AccountId], frame: &[u8]) {
        for account in accounts {
            self.hub.for_each_of(*account, |outbox| {
                outbox.push_text(frame);
                self.to_flush.push(Arc::clone(outbox));
            });
        }
    }

    /// Gives every connection of `account` the events up to `head` that it has missed.
    pub(crate) fn backfill(&mut self, account: AccountId, head: Seq) {
        let mut behind = Vec::new();
        self.hub.advance_generation();
        self.hub.for_each_of(account, |outbox| {
            behind.extend(outbox.behind(head).map(|since| (Arc::clone(outbox), since)));
        });
        for (outbox, since) in behind {
            self.backfill_one(account, &outbox, since, head);
        }
    }

    fn event(
        &mut self,
        account: AccountId,
        seq: Seq,
        what: &EventBody,
        origin: Option<&Arc<Outbox>>,
    ) {
        let Self { hub, to_flush, json, .. } = self;
        json.clear();
        let mut gaps = Vec::new();
        hub.for_each_of(account, |outbox| {
            if origin.is_some_and(|origin| Arc::ptr_eq(origin, outbox)) {
                return;
            }
            if json.is_empty() {
                event::frame(account, seq, what, None).write(json);
            }
            match outbox.deliver(seq, json) {
                Delivery::Done => to_flush.push(Arc::clone(outbox)),
                Delivery::Gap { since } => gaps.push((Arc::clone(outbox), since)),
            }
        });
        for (outbox, since) in gaps {
            self.backfill_one(account, &outbox, since, seq.before());
            self.json.clear();
            event::frame(account, seq, what, None).write(&mut self.json);
            outbox.deliver(seq, &self.json);
        }
    }

    /// Reads from the log the events up to `upto` that one live connection has missed: their commit was in doubt, or another
    /// node's. Later events may belong to a commit of this node that is still in the inbox, with answers to its submitters.
    fn backfill_one(
        &mut self,
        account: AccountId,
        outbox: &Arc<Outbox>,
        mut since: Seq,
        upto: Seq,
    ) {
        while since < upto {
            let Some(store) = &self.store else { return outbox.close(Close::GoingAway) };
            let events = match store.events_for_dispatch(account, since, REPLAY_PAGE) {
                Ok(events) if events.first().is_some_and(|first| first.seq == since.next()) => {
                    events
                }
                Err(error @ (Error::Internal(_) | Error::Corrupted(_))) => {
                    tracing::error!(%error, account = %account, "a log cannot be read");
                    return outbox.close(Close::Internal);
                }
                // The log cannot be read, or no longer reaches back so far: it comes back and resumes.
                _ => return outbox.close(Close::GoingAway),
            };
            for one in events.iter().take_while(|one| one.seq <= upto) {
                self.json.clear();
                event::frame(account, one.seq, &one.body, None).write(&mut self.json);
                outbox.deliver(one.seq, &self.json);
                self.note(account, &one.body);
                since = one.seq;
            }
        }
        self.touch(outbox);
    }

    /// After a block neither of the two accounts sees the presence of the other.
    fn note(&self, account: AccountId, what: &EventBody) {
        if let EventBody::Block { id, at } = what {
            // The time that a later `presence` request gets too. An event read from the log does not have it, so it is looked up.
            let look_up = || self.store.as_ref()?.last_seen_by_blocked(*id, account).ok().flatten();
            let left_at = || Some(at.or_else(look_up).unwrap_or_else(|| self.presence.now()));
            self.presence.part(account, *id, left_at);
        }
    }

    fn touch(&mut self, outbox: &Arc<Outbox>) {
        self.to_flush.push(Arc::clone(outbox));
    }
}

fn is_message(what: &EventBody) -> bool {
    matches!(what, EventBody::Entry(Entry::Message(_)))
}

fn is_to_self(what: &EventBody) -> bool {
    matches!(what, EventBody::Entry(Entry::Message(message)) if message.to == Recipient::Account(message.from))
}
