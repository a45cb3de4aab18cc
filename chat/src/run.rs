//! A turn's messages from one guest to another.
//!
//! Most of a turn's messages go to one person. Looked up, written and locked once for all of them, the receiver costs each
//! next to nothing.

use std::sync::Arc;

use wire::{AccountId, Series};

use crate::clock::now_ms;
use crate::limit::RUN_BYTES;
use crate::outbox::{Frames, Outbox};

pub(crate) struct Run {
    to: AccountId,
    at: i64,
    outbox: Arc<Outbox>,
    messages: Series,
    frames: Frames,
}

impl Run {
    /// Begins now, which is when the server took all of them.
    pub(crate) fn new(from: AccountId, to: AccountId, outbox: Arc<Outbox>) -> Box<Self> {
        let at = now_ms();
        let (messages, frames) = (Series::new(from, to, at), Frames::default());
        Box::new(Self { to, at, outbox, messages, frames })
    }

    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    /// Whether a message for `to` may be added.
    pub(crate) fn takes(&self, to: AccountId) -> bool {
        self.to == to && self.frames.len() < RUN_BYTES
    }

    pub(crate) fn add(&mut self, content: &str) {
        self.frames.push_text(self.messages.with(content));
    }

    /// Appends them to the receiver's outbox, which is then to be flushed.
    pub(crate) fn push(self) -> Arc<Outbox> {
        self.outbox.push_frames(self.frames);
        self.outbox
    }
}
