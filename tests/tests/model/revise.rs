//! EventBody is done to a message afterwards.

use std::collections::BTreeSet;

use serde_json::json;

use super::op::{Id, Who};
use super::rule::{Answer, FORBIDDEN, NOT_FOUND, TOO_LATE};
use super::state::{EventBody, Model, Reaction};

impl Model {
    pub(super) fn edit(&mut self, by: Who, id: Id, text: &str) -> Answer {
        self.may_change(by, id)?;
        let message = &self.messages[&id];
        if message.is_deleted {
            return Err(TOO_LATE);
        }
        if message.content == text {
            return Ok(json!({"type": "ok"}));
        }
        // Who has left, or has come back anew, reads nothing later.
        let seats = self.talks[&message.talk].seats.iter();
        let gone = seats.filter(|(_, seat)| seat.until.is_some() || !seat.covers(id));
        let gone: Vec<Who> = gone.map(|(who, _)| *who).filter(|who| *who != by).collect();
        let deaf = self.deaf(by, id);
        let message = self.message_mut(id);
        message.withheld.extend(gone);
        let had = (message.content.clone(), message.is_edited);
        let kept = std::mem::take(&mut message.kept);
        let keep = |who| (who, kept.get(&who).unwrap_or(&had).clone());
        message.kept = deaf.into_iter().map(keep).collect();
        message.is_edited = true;
        text.clone_into(&mut message.content);
        self.tell_readers(by, id, || EventBody::Edit(id))
    }

    pub(super) fn delete(&mut self, by: Who, id: Id) -> Answer {
        self.may_change(by, id)?;
        let message = self.message_mut(id);
        if message.is_deleted {
            return Ok(json!({"type": "ok"}));
        }
        message.is_deleted = true;
        message.content.clear();
        message.kept.clear();
        message.reactions.clear();
        self.tell_readers(by, id, || EventBody::Fixed(json!({"type": "delete", "id": id})))
    }

    pub(super) fn react(&mut self, by: Who, id: Id, emoji: Option<&str>) -> Answer {
        self.is_there(by, id)?;
        let (moment, withheld) = (self.moment, self.deaf(by, id));
        let message = self.message_mut(id);
        if message.is_deleted {
            return Err(TOO_LATE);
        }
        if message.reactions.get(&by).map(|it| it.emoji.as_str()) == emoji {
            return Ok(json!({"type": "ok"}));
        }
        let before = message.reactions.remove(&by);
        // Who did not see it does not hear of its end.
        let spared = before.filter(|_| emoji.is_none()).map(|it| it.withheld).unwrap_or_default();
        if let Some(emoji) = emoji {
            let reaction = Reaction { emoji: emoji.to_owned(), moment, withheld };
            message.reactions.insert(by, reaction);
        }
        self.tell_but(&spared, by, id, || EventBody::React(id, by))
    }

    pub(super) fn report(&self, by: Who, id: Id) -> Answer {
        if !self.sees(by, id) {
            return Err(NOT_FOUND);
        }
        if self.messages[&id].is_deleted { Err(TOO_LATE) } else { Ok(json!({"type": "ok"})) }
    }

    /// Whether `by` sees a message and is still where it was said.
    fn is_there(&self, by: Who, id: Id) -> Result<(), &'static str> {
        let is_there = self.sees(by, id) && self.talks[&self.messages[&id].talk].seat(by).is_some();
        if is_there { Ok(()) } else { Err(NOT_FOUND) }
    }

    fn may_change(&self, by: Who, id: Id) -> Result<(), &'static str> {
        if self.sees(by, id) && self.messages[&id].from != by {
            return Err(FORBIDDEN);
        }
        self.is_there(by, id)
    }

    /// Everybody who has the message and is there still, also who has deleted it for itself.
    fn readers(&self, id: Id) -> impl Iterator<Item = Who> {
        let present = self.talks[&self.messages[&id].talk].present().map(|(who, _)| who);
        present.filter(move |who| self.has(*who, id))
    }

    /// Those of them who do not hear what `by` does.
    fn deaf(&self, by: Who, id: Id) -> BTreeSet<Who> {
        self.readers(id).filter(|who| self.is_deaf(*who, by, id)).collect()
    }

    /// Those of them who do.
    fn tell_readers(&mut self, by: Who, id: Id, what: impl Fn() -> EventBody) -> Answer {
        self.tell_but(&BTreeSet::new(), by, id, what)
    }

    /// Without these.
    fn tell_but(
        &mut self,
        spared: &BTreeSet<Who>,
        by: Who,
        id: Id,
        what: impl Fn() -> EventBody,
    ) -> Answer {
        // EventBody happens to a request is seen, but nobody is told.
        let asks = self.asker(id) == Some(by);
        let hears = |who: &Who| {
            !self.is_deaf(*who, by, id)
                && !spared.contains(who)
                && (*who == by || !asks)
                && self.sees(*who, id)
        };
        let hearers: Vec<Who> = self.readers(id).filter(hears).collect();
        hearers.into_iter().for_each(|who| self.append_event(who, what()));
        self.done(by)
    }
}
