//! Who hides what it has read, in the model.

use super::op::{Id, Who};
use super::state::{Key, Membership, Model};

impl Model {
    /// How far `other` has come in a conversation, as `who` sees it: to where it was when it blocked `who`, if it has.
    pub fn progress(&self, who: Who, other: Who, key: Key) -> (Id, Id) {
        let talk = &self.talks[&key];
        let seat = &talk.seats[&other];
        let is_own = who == other && matches!(key, Key::Group(_));
        let hidden = |read| if self.accounts[&who].hides_read { 0 } else { read };
        if is_own || !self.has_blocked(other, who) {
            return (seat.delivered, if is_own { seat.read } else { hidden(seat.shown_read()) });
        }
        let (delivered, read) = talk.marks.get(&(who, other)).copied().unwrap_or_default();
        (delivered.max(seat.since), hidden(read.max(seat.since)))
    }
}

impl Membership {
    /// Up to where others see it as having read.
    pub fn shown_read(&self) -> Id {
        self.read_hidden.unwrap_or(self.read)
    }
}
