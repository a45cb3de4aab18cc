//! A turn's messages from one guest.
//!
//! Most of a tick's messages go to one person. Looked up, written and locked once for all that follow each other, the receiver
//! costs each next to nothing.

use std::sync::Arc;

use wire::{AccountId, MessageTemplate, Text};

use crate::clock::now_ms;
use crate::limit::RELAY_BATCH_BYTES;
use crate::outbox::{Frames, Outbox};

pub(crate) struct RelayBatch {
    at: i64,
    messages: MessageTemplate,
    /// Who gets `frames`, and where.
    to: Option<(AccountId, Arc<Outbox>)>,
    frames: Frames,
}

impl RelayBatch {
    /// Begins now, which is when the server took all of them.
    pub(crate) fn new(from: AccountId) -> Box<Self> {
        let at = now_ms();
        Box::new(Self {
            at,
            messages: MessageTemplate::new(from, at),
            to: None,
            frames: Frames::default(),
        })
    }

    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    /// Whether a message for `to` may be added.
    pub(crate) fn takes(&self, to: AccountId) -> bool {
        self.to.as_ref().is_some_and(|(account, _)| *account == to)
            && self.frames.len() < RELAY_BATCH_BYTES
    }

    /// What is added from now on is for `to`.
    pub(crate) fn retarget(&mut self, to: AccountId, outbox: Arc<Outbox>) {
        self.messages.set_recipient(to);
        self.to = Some((to, outbox));
    }

    pub(crate) fn add(&mut self, content: &Text<'_>) {
        self.frames.push_text(&self.messages.render(content));
    }

    /// Appends what was added to the receiver's outbox, which is then to be flushed.
    pub(crate) fn push(&mut self) -> Option<Arc<Outbox>> {
        let (_, outbox) = self.to.take()?;
        outbox.push_frames(std::mem::take(&mut self.frames));
        Some(outbox)
    }
}
