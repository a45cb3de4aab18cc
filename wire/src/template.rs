//! Frames of messages that differ only in their text.

use crate::write::{after_content, before_content, escape};
use crate::{AccountId, Message, Text};

/// Capacity for the JSON before and after a text.
const BEFORE_BYTES: usize = 128;
const AFTER_BYTES: usize = 32;

/// The frames of several messages of one guest at one time: the JSON that they share is written once.
pub struct MessageTemplate {
    from: AccountId,
    /// The JSON up to the text.
    before: Vec<u8>,
    /// The JSON after the text.
    after: Vec<u8>,
    /// The last text that needed escapes.
    escaped: Vec<u8>,
}

impl MessageTemplate {
    /// A template for messages of this sender, accepted at this time (milliseconds since 1970 UTC).
    pub fn new(from: AccountId, at: i64) -> Self {
        let mut after = Vec::with_capacity(AFTER_BYTES);
        after.push(b'"');
        after_content(&Message { at, ..Message::default() }, &mut after);
        Self { from, before: Vec::with_capacity(BEFORE_BYTES), after, escaped: Vec::new() }
    }

    /// Sets the receiver of the messages that follow.
    pub fn set_recipient(&mut self, to: AccountId) {
        self.before.clear();
        let message = Message { from: self.from, to: Some(to), ..Message::default() };
        before_content(&message, &mut self.before);
        self.before.push(b'"');
    }

    /// The frame of the message with this text, in three parts: the same bytes as [`Frame::write`](crate::Frame::write) writes.
    pub fn render<'a>(&'a mut self, content: &'a Text<'_>) -> [&'a [u8]; 3] {
        let content = match content.as_plain() {
            Some(plain) => plain.as_bytes(),
            None => escape(content, &mut self.escaped),
        };
        [&self.before, content, &self.after]
    }
}
