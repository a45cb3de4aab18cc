//! What somebody sets, clears and deletes for its own devices in the model.

use serde_json::json;

use super::op::{Id, Place, Setting, Who};
use super::rule::{Answer, NOT_FOUND};
use super::state::{EventBody, Key, Model, Settings};

impl Model {
    pub(super) fn set(&mut self, by: Who, place: Place, setting: Setting) -> Answer {
        let key = self.conversation_of(by, place)?;
        let seat = self.seat_mut(by, key);
        let before = seat.settings;
        match setting {
            Setting::MutedUntil(until) => seat.settings.muted_until = until,
            Setting::Pinned(is) => seat.settings.pinned = is,
            Setting::Archived(is) => seat.settings.archived = is,
            Setting::Unread(is) => seat.settings.marked_unread = is,
        }
        if seat.settings == before {
            return Ok(json!({"type": "ok"}));
        }
        self.append_event(by, EventBody::Set(key));
        self.done(by)
    }

    pub(super) fn clear(&mut self, by: Who, place: Place) -> Answer {
        let key = self.conversation_of(by, place)?;
        let (talk, seat) = (&self.talks[&key], &self.talks[&key].seats[&by]);
        if self.activity(by, talk, seat) <= Some(seat.cleared) {
            return Ok(json!({"type": "ok"}));
        }
        let last = *talk.entries.last().expect("something was said");
        self.seat_mut(by, key).cleared = last;
        let mut frame = json!({"type": "conversation.clear"});
        name(&mut frame, key.seen_by(by));
        self.append_event(by, EventBody::Fixed(frame));
        self.done(by)
    }

    pub(super) fn hide(&mut self, by: Who, id: Id) -> Answer {
        if self.has(by, id) && self.is_hidden(by, id) && !self.is_cleared(by, id) {
            return Ok(json!({"type": "ok"}));
        }
        if !self.sees(by, id) {
            return Err(NOT_FOUND);
        }
        self.message_mut(id).hidden.insert(by);
        let frame = json!({"type": "delete", "id": id, "for": "me"});
        self.append_event(by, EventBody::Fixed(frame));
        self.done(by)
    }

    /// A conversation in which `by` has had something.
    fn conversation_of(&self, by: Who, place: Place) -> Result<Key, &'static str> {
        let key = Key::of(by, place);
        let talk = self.talks.get(&key).ok_or(NOT_FOUND)?;
        let seat = talk.seats.get(&by).ok_or(NOT_FOUND)?;
        self.activity(by, talk, seat).map(|_| key).ok_or(NOT_FOUND)
    }

    /// Whether `who` has deleted a message for itself.
    pub(super) fn is_hidden(&self, who: Who, id: Id) -> bool {
        self.messages[&id].hidden.contains(&who)
    }

    /// Whether `who` has cleared a message's conversation since.
    pub(super) fn is_cleared(&self, who: Who, id: Id) -> bool {
        let seat = self.talks[&self.messages[&id].talk].seats.get(&who);
        seat.is_some_and(|seat| id <= seat.cleared)
    }
}

/// The keys of a conversation.
pub(super) fn name(frame: &mut serde_json::Value, place: Place) {
    match place {
        Place::With(other) => frame["with"] = json!(other),
        Place::Group(group) => frame["group"] = json!(group),
    }
}

impl Settings {
    /// The event that says what is set.
    pub(super) fn frame(self, place: Place) -> serde_json::Value {
        let Self { muted_until, pinned, archived, marked_unread } = self;
        let mut frame = json!({"type": "conversation.set", "muted_until": muted_until,
            "pinned": pinned, "archived": archived, "unread": marked_unread});
        name(&mut frame, place);
        frame
    }

    /// As they stand in the line of a conversation.
    pub(super) fn show(self, line: &mut serde_json::Value) {
        let Self { muted_until, pinned, archived, marked_unread } = self;
        line["muted_until"] = json!(muted_until);
        line["pinned"] = json!(pinned);
        line["archived"] = json!(archived);
        line["marked_unread"] = json!(marked_unread);
    }
}
