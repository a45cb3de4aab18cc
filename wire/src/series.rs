//! Messages of which only the text differs.

use crate::write::{after_content, before_content, escape};
use crate::{AccountId, Message, Text};

/// What stands before a text and after it, with large numbers.
const BEFORE_BYTES: usize = 128;
const AFTER_BYTES: usize = 32;

/// Messages of one guest at one time: what they share is written once.
pub struct Series {
    from: AccountId,
    /// A message up to where its text begins.
    before: Vec<u8>,
    /// And from where it ends.
    after: Vec<u8>,
    /// A text that JSON writes with escapes.
    escaped: Vec<u8>,
}

impl Series {
    /// From, and when the server took them.
    pub fn new(from: AccountId, at: i64) -> Self {
        let mut after = Vec::with_capacity(AFTER_BYTES);
        after.push(b'"');
        after_content(&Message { at, ..Message::default() }, &mut after);
        Self { from, before: Vec::with_capacity(BEFORE_BYTES), after, escaped: Vec::new() }
    }

    /// What follows is to this one.
    pub fn turn_to(&mut self, to: AccountId) {
        self.before.clear();
        let message = Message { from: self.from, to: Some(to), ..Message::default() };
        before_content(&message, &mut self.before);
        self.before.push(b'"');
    }

    /// The message with this text, as [`Frame::write`](crate::Frame::write) would have it, in parts.
    pub fn with<'a>(&'a mut self, content: &'a Text<'_>) -> [&'a [u8]; 3] {
        let content = match content.as_plain() {
            Some(plain) => plain.as_bytes(),
            None => escape(content, &mut self.escaped),
        };
        [&self.before, content, &self.after]
    }
}
