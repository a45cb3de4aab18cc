//! A guest's frames of one tick to other guests.
//!
//! Most messages of a tick go to one guest. The receiver's outbox is looked up and locked once for all messages that
//! follow each other, and each receiver's socket is written once. The frames to one receiver keep their order.

use std::sync::Arc;

use wire::{AccountId, Frame, MessageTemplate, Text};

use crate::clock::now_ms;
use crate::hub::Hub;
use crate::limit::RELAY_BATCH_BYTES;
use crate::metrics;
use crate::outbox::{Frames, Outbox};

pub(crate) struct RelayBatch {
    from: AccountId,
    at: i64,
    messages: MessageTemplate,
    /// The receiver of `frames`.
    to: Option<(AccountId, Arc<Outbox>)>,
    frames: Frames,
    /// Receivers before this one: their frames are appended and not yet sent.
    appended: Vec<Arc<Outbox>>,
    relayed: u64,
}

impl RelayBatch {
    /// An empty batch. All its messages have the present time.
    pub(crate) fn new(from: AccountId) -> Box<Self> {
        let at = now_ms();
        Box::new(Self {
            from,
            at,
            messages: MessageTemplate::new(from, at),
            to: None,
            frames: Frames::default(),
            appended: Vec::new(),
            relayed: 0,
        })
    }

    /// Relays a message and returns its time; `None` if `to` is not connected.
    pub(crate) fn message(&mut self, hub: &Hub, to: AccountId, content: &Text<'_>) -> Option<i64> {
        if !self.retarget(hub, to) {
            return None;
        }
        self.frames.push_text(&self.messages.render(content));
        self.relayed += 1;
        self.append_own(to);
        Some(self.at)
    }

    /// Relays that the guest is typing.
    pub(crate) fn typing(&mut self, hub: &Hub, to: AccountId) {
        if self.retarget(hub, to) {
            let mut json = Vec::new();
            Frame::Typing { from: self.from, to: Some(to), group: None }.write(&mut json);
            self.frames.push_text(&[&json]);
            self.append_own(to);
        }
    }

    /// Sends everything.
    pub(crate) fn finish(mut self) {
        if self.relayed > 0 {
            // Counted before a receiver can see the messages.
            metrics::MESSAGES.add("relayed", self.relayed);
        }
        let last = self.append();
        for outbox in self.appended.into_iter().chain(last) {
            outbox.flush();
        }
    }

    /// Makes `to` the receiver of the next frames. False if it is not connected.
    fn retarget(&mut self, hub: &Hub, to: AccountId) -> bool {
        let is_same = self.to.as_ref().is_some_and(|(account, _)| *account == to);
        if is_same && self.frames.len() < RELAY_BATCH_BYTES {
            return true;
        }
        let last = self.append();
        self.appended.extend(last);
        let mut found = None;
        hub.for_each_of(to, |outbox| found = Some(Arc::clone(outbox)));
        self.to = found.map(|outbox| (to, outbox));
        self.messages.set_recipient(to);
        self.to.is_some()
    }

    /// A guest may send to itself: those frames stay in order with the answers to its requests.
    fn append_own(&mut self, to: AccountId) {
        if to == self.from {
            self.append();
        }
    }

    /// Appends the frames to the receiver's outbox, which is then to be flushed.
    fn append(&mut self) -> Option<Arc<Outbox>> {
        let (_, outbox) = self.to.take()?;
        outbox.push_frames(std::mem::take(&mut self.frames));
        Some(outbox)
    }
}
