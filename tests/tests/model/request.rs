//! People who do not know each other in the model.

use serde_json::json;

use super::op::{Id, Place, Who};
use super::rule::{Answer, FORBIDDEN, NOT_ACCEPTED, NOT_FOUND};
use super::state::{EventBody, Key, Model};

/// Messages that wait for an answer.
pub(super) const WAITING_MAX: i64 = 5;
/// Accounts whose answer somebody waits for.
pub(super) const OPEN_MAX: usize = 50;

impl Model {
    pub(super) fn knows(&self, by: Who, other: Who) -> bool {
        let talk = self.talks.get(&Key::of(by, Place::With(other)));
        by == other || talk.is_some_and(|talk| talk.asker.is_none())
    }

    /// Whether what `by` says to `other` is a request; nothing if it may say no more.
    pub(super) fn ask(&self, by: Who, other: Who) -> Result<bool, &'static str> {
        if self.knows(by, other) {
            return Ok(false);
        }
        match self.talks.get(&Key::of(by, Place::With(other))) {
            Some(talk) if talk.asker == Some(other) => Ok(false),
            Some(talk) if talk.asks >= WAITING_MAX => Err(NOT_ACCEPTED),
            _ if self.opens(by, other) && self.open(by) >= OPEN_MAX => Err(NOT_ACCEPTED),
            _ => Ok(true),
        }
    }

    /// Whether it is one more open request of `by` if it asks `other`.
    pub(super) fn opens(&self, by: Who, other: Who) -> bool {
        let talk = self.talks.get(&Key::of(by, Place::With(other)));
        !self.knows(by, other) && talk.is_none_or(|talk| talk.asker == Some(by) && !talk.is_open)
    }

    /// How many open requests somebody has.
    pub(super) fn open(&self, by: Who) -> usize {
        self.talks.values().filter(|talk| talk.asker == Some(by) && talk.is_open).count()
    }

    /// `by` knows from now on who has asked it, and who is told how far it has come.
    pub(super) fn meet(&mut self, by: Who, asker: Who) {
        let key = Key::of(by, Place::With(asker));
        let talk = self.talk_mut(key);
        (talk.asker, talk.asks, talk.invites) = (None, 0, 0);
        (talk.is_open, talk.is_declined) = (false, false);
        if self.has_blocked(by, asker) || self.has_blocked(asker, by) {
            return;
        }
        let here = self.messages.values_mut().filter(|message| message.talk == key);
        for message in here {
            if let Some(reaction) = message.reactions.get_mut(&by) {
                reaction.withheld.remove(&asker);
            }
        }
        let seat = &self.talks[&key].seats[&by];
        let shows_read = !self.accounts[&by].hides_read && !self.accounts[&asker].hides_read;
        let read = if shows_read { seat.shown_read() } else { 0 };
        for (kind, upto) in [("delivered", seat.delivered), ("read", read)] {
            let mut entries = self.talks[&key].entries.iter().copied();
            let reached =
                |id: &Id| *id <= upto && self.has(by, *id) && self.messages[id].from == asker;
            if let Some(id) = entries.rfind(reached) {
                self.append_event(
                    asker,
                    EventBody::Fixed(json!({"type": kind, "id": id, "by": by})),
                );
            }
        }
    }

    pub(super) fn accept(&mut self, by: Who, other: Who) -> Answer {
        self.exists(other)?;
        if self.knows(by, other) {
            return Ok(json!({"type": "ok"}));
        }
        self.waits(by, other)?;
        self.append_event(by, EventBody::Fixed(json!({"type": "accept", "id": other})));
        let answer = self.done(by);
        self.meet(by, other);
        answer
    }

    pub(super) fn decline(&mut self, by: Who, other: Who) -> Answer {
        self.exists(other)?;
        if self.knows(by, other) {
            return Err(FORBIDDEN);
        }
        let key = self.waits(by, other)?;
        if std::mem::replace(&mut self.talk_mut(key).is_declined, true) {
            return Ok(json!({"type": "ok"}));
        }
        self.append_event(by, EventBody::Fixed(json!({"type": "decline", "id": other})));
        self.done(by)
    }

    /// Where `other` waits for an answer of `by`.
    fn waits(&self, by: Who, other: Who) -> Result<Key, &'static str> {
        let key = Key::of(by, Place::With(other));
        let is_asker = self.talks.get(&key).is_some_and(|talk| talk.asker == Some(other));
        if is_asker { Ok(key) } else { Err(NOT_FOUND) }
    }
}
