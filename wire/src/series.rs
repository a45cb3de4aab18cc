//! Messages of which only the text differs.

use crate::write::{after_content, before_content, text};
use crate::{AccountId, Message};

/// Messages of one guest to another at one time: what they share is written once.
pub struct Series {
    /// A message up to its text, and then what [`Series::with`] has put there.
    json: Vec<u8>,
    shared: usize,
    after: Vec<u8>,
}

impl Series {
    /// From, to, and when the server took them.
    pub fn new(from: AccountId, to: AccountId, at: i64) -> Self {
        let message = Message { from, to: Some(to), at, ..Message::default() };
        let (mut json, mut after) = (Vec::with_capacity(256), Vec::with_capacity(32));
        before_content(&message, &mut json);
        after_content(&message, &mut after);
        Self { shared: json.len(), json, after }
    }

    /// The message with this text, as [`Frame::write`](crate::Frame::write) would have it.
    pub fn with(&mut self, content: &str) -> &[u8] {
        self.json.truncate(self.shared);
        text(content, &mut self.json);
        self.json.extend_from_slice(&self.after);
        &self.json
    }
}
