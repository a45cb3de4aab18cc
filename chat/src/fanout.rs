//! Appends events and live frames to the outboxes of the accounts that they are for. Used by the dispatcher's thread
//! alone.
//!
//! An event before which others are missing waits until [`Backfill`] has read those from the log, and so does
//! everything of the same log that comes after it.

mod deferred;

use std::collections::HashMap;
use std::sync::Arc;

use sql::{CommittedEvent, Entry, EventBody, Store};
use wire::{AccountId, Close, Frame, Recipient, Seq};

use crate::backfill::{Backfill, note_block};
use crate::event::{self, named_frame};
use crate::fanout::deferred::{Deferred, Waiting};
use crate::hub::Hub;
use crate::outbox::{Delivery, Outbox};
use crate::presence::Presence;

pub(crate) struct Fanout {
    /// Guest mode has none, and no events.
    store: Option<Arc<Store>>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    /// Guest mode has none.
    backfill: Option<Backfill>,
    /// Deliveries that wait until a gap in their log is filled.
    filling: HashMap<AccountId, Waiting>,
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
    pub(crate) fn new(
        store: Option<Arc<Store>>,
        hub: Arc<Hub>,
        presence: Arc<Presence>,
        backfill: Option<Backfill>,
    ) -> Self {
        let (filling, to_flush) = (HashMap::new(), Vec::new());
        Self { store, hub, presence, backfill, filling, to_flush, json: Vec::new() }
    }

    /// Appends an answer.
    pub(crate) fn push(&mut self, outbox: &Arc<Outbox>, frame: &Frame<'_>) {
        outbox.push(frame);
        self.touch(outbox);
    }

    /// Delivers a stored event: the answer to the connection that submitted it, the event to all other connections of
    /// its accounts.
    pub(crate) fn fan_out(&mut self, event: &CommittedEvent, origin: Option<&Origin<'_>>) {
        self.hub.advance_generation();
        for (account, seq) in &event.to {
            self.note(*account, &event.body);
            match origin.filter(|origin| origin.account == *account) {
                None => self.event(*account, *seq, event, None),
                // An account that writes to itself gets the message as well, also on the connection that sent it.
                Some(origin) if is_to_self(&event.body) => {
                    self.event(*account, *seq, event, None);
                    self.answer(origin, &event.body, *seq);
                }
                // Without a `ref` no answer is due: the connection gets the event like the others, unless it is its own
                // message.
                Some(origin) if origin.reference.is_none() && !is_message(&event.body) => {
                    self.event(*account, *seq, event, None);
                }
                Some(origin) => {
                    self.answer(origin, &event.body, *seq);
                    self.event(*account, *seq, event, Some(origin.outbox));
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
        if let Some(waiting) = self.filling.get_mut(&account) {
            let outbox = Arc::clone(outbox);
            waiting.push(Deferred::Answer { seq, outbox, json: answer.map(<[u8]>::to_vec) });
        } else if self.waits(account, outbox, &outbox.answer(seq, answer)) {
            // The events before it go first.
            let (outbox, json) = (Arc::clone(outbox), answer.map(<[u8]>::to_vec));
            self.fill(account, seq.before(), Deferred::Answer { seq, outbox, json });
        } else {
            self.touch(outbox);
        }
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

    /// Begins to deliver the events up to `head` to each connection of `account` that has missed some of them.
    pub(crate) fn backfill(&mut self, account: AccountId, head: Seq) {
        self.hub.advance_generation();
        if let Some(waiting) = self.filling.get_mut(&account) {
            return waiting.push(Deferred::Head(head));
        }
        let mut is_behind = false;
        // For each connection, so that a replay learns of the events.
        self.hub.for_each_of(account, |outbox| is_behind |= outbox.behind(head).is_some());
        if is_behind {
            self.fill(account, head, Deferred::Head(head));
        }
    }

    /// Delivers what waited until the gap in this account's log was filled, up to the next gap.
    pub(crate) fn has_filled(&mut self, account: AccountId) {
        let Some(mut waiting) = self.filling.remove(&account) else { return };
        if waiting.is_too_long() {
            self.hub.for_each_of(account, |outbox| outbox.close(Close::GoingAway));
            waiting.answered().for_each(|outbox| outbox.close(Close::GoingAway));
            return;
        }
        while let Some(next) = waiting.pop() {
            let gap = match &next {
                Deferred::Event { seq, except, json } => {
                    self.offer(account, *seq, json, except.as_ref()).then(|| seq.before())
                }
                Deferred::Answer { seq, outbox, json } => {
                    let answered = outbox.answer(*seq, json.as_deref());
                    self.to_flush.push(Arc::clone(outbox));
                    self.waits(account, outbox, &answered).then(|| seq.before())
                }
                Deferred::Head(head) => {
                    let mut is_behind = false;
                    self.hub
                        .for_each_of(account, |outbox| is_behind |= outbox.behind(*head).is_some());
                    is_behind.then_some(*head)
                }
            };
            if let Some(upto) = gap {
                waiting.put_back(next);
                return self.start(account, upto, waiting);
            }
        }
    }

    /// Whether something waits for a gap to be filled.
    pub(crate) fn is_filling(&self) -> bool {
        !self.filling.is_empty()
    }

    fn event(
        &mut self,
        account: AccountId,
        seq: Seq,
        event: &CommittedEvent,
        origin: Option<&Arc<Outbox>>,
    ) {
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        if self.filling.contains_key(&account) || self.hub.is_online(account) {
            let names = event.names(account);
            named_frame(account, seq, &event.body, names, None).write(&mut json);
            let except = origin.cloned();
            if let Some(waiting) = self.filling.get_mut(&account) {
                waiting.push(Deferred::Event { seq, json: json.clone(), except });
            } else if self.offer(account, seq, &json, origin) {
                let event = Deferred::Event { seq, json: json.clone(), except };
                self.fill(account, seq.before(), event);
            }
        }
        self.json = json;
    }

    /// Whether a connection that was to get an answer has to get the events before it first. One that has left the hub
    /// will never get those. So it does not get the answer either: its client sends the request again.
    fn waits(&self, account: AccountId, outbox: &Arc<Outbox>, answered: &Delivery) -> bool {
        matches!(answered, Delivery::Gap { .. }) && self.hub.is_here(account, outbox)
    }

    /// Appends an event for every connection of the account but one. Returns whether one of them misses events before
    /// it.
    fn offer(
        &mut self,
        account: AccountId,
        seq: Seq,
        json: &[u8],
        except: Option<&Arc<Outbox>>,
    ) -> bool {
        let Self { hub, to_flush, .. } = self;
        let mut has_gap = false;
        hub.for_each_of(account, |outbox| {
            if except.is_some_and(|except| Arc::ptr_eq(except, outbox)) {
                return;
            }
            match outbox.deliver(seq, json) {
                Delivery::Done => to_flush.push(Arc::clone(outbox)),
                Delivery::Gap { .. } => has_gap = true,
            }
        });
        has_gap
    }

    /// Keeps `next` until the account's connections have got the events up to `upto`.
    fn fill(&mut self, account: AccountId, upto: Seq, next: Deferred) {
        let mut waiting = Waiting::default();
        waiting.push(next);
        self.start(account, upto, waiting);
    }

    fn start(&mut self, account: AccountId, upto: Seq, waiting: Waiting) {
        match &self.backfill {
            Some(backfill) => {
                backfill.request(account, upto);
                self.filling.insert(account, waiting);
            }
            None => {
                self.hub.for_each_of(account, |outbox| outbox.close(Close::GoingAway));
            }
        }
    }

    fn note(&self, account: AccountId, what: &EventBody) {
        note_block(self.store.as_ref(), &self.presence, account, what);
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

#[cfg(test)]
mod tests;
