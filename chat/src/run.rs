//! A turn's messages from one guest to another.
//!
//! Most of a turn's messages go to one person. Looked up and locked once for all of them, the receiver costs each next to nothing.

use std::sync::Arc;

use wire::{AccountId, Frame};

use crate::limit::RUN_BYTES;
use crate::outbox::{Frames, Outbox};

pub(crate) struct Run {
    to: AccountId,
    outbox: Arc<Outbox>,
    json: Vec<u8>,
    frames: Frames,
}

impl Run {
    pub(crate) fn new(to: AccountId, outbox: Arc<Outbox>) -> Self {
        Self { to, outbox, json: Vec::with_capacity(256), frames: Frames::default() }
    }

    /// Whether a message for `to` may be added.
    pub(crate) fn takes(&self, to: AccountId) -> bool {
        self.to == to && self.frames.len() < RUN_BYTES
    }

    pub(crate) fn add(&mut self, frame: &Frame<'_>) {
        self.json.clear();
        frame.write(&mut self.json);
        self.frames.push_text(&self.json);
    }

    /// Appends them to the receiver's outbox, which is then to be flushed.
    pub(crate) fn push(self) -> Arc<Outbox> {
        self.outbox.push_frames(self.frames);
        self.outbox
    }
}
