//! EventBody comes of what somebody does: events in logs, and an answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::op::{Action, Id, Place, Who};
use super::state::{EventBody, Key, Membership, Message, Model};

/// The answer, or the code of the refusal.
pub(super) type Answer = Result<Value, &'static str>;

pub(super) const NOT_FOUND: &str = "not_found";
pub(super) const FORBIDDEN: &str = "forbidden";
pub(super) const NOT_ACCEPTED: &str = "not_accepted";
pub(super) const TOO_LATE: &str = "too_late";
const TOO_MANY: &str = "too_many";

impl Model {
    /// Does an action whose picks are resolved, and gives the answer.
    pub fn apply(&mut self, by: Who, reference: &str, action: &Action) -> Value {
        let is_too_often = self.adds_too_often(by, action);
        let key = (by, reference.to_owned());
        if action.keeps_ref()
            && let Some(first) = self.refs.get(&key)
        {
            return first.clone();
        }
        self.moment += 1;
        let answer = match action {
            _ if is_too_often => Err(TOO_MANY),
            Action::Say(to, text, reply) => self.say(by, *to, text, *reply),
            Action::Received(seq) => self.received(by, *seq),
            Action::Read(id) => self.read(by, *id),
            Action::Edit(id, text) => self.edit(by, *id, text),
            Action::Delete(id) => self.delete(by, *id),
            Action::React(id, emoji) => self.react(by, *id, *emoji),
            Action::Report(id) => self.report(by, *id),
            Action::Block(other) => self.block(by, *other),
            Action::Unblock(other) => self.unblock(by, *other),
            Action::Accept(other) => self.accept(by, *other),
            Action::Decline(other) => self.decline(by, *other),
            Action::Retain(place, days) => self.retain(by, *place, *days),
            Action::Hide(id) => self.hide(by, *id),
            Action::Set(place, setting) => self.set(by, *place, *setting),
            Action::Clear(place) => self.clear(by, *place),
            Action::Create(name, members) => self.create(by, name, members),
            Action::Change(group, change) => self.change(by, *group, change),
            Action::Join(group) => self.join(by, *group),
            Action::DeclineInvitation(group) => self.decline_invitation(by, *group),
        };
        if let Ok(first) = &answer
            && action.keeps_ref()
            && first.get("seq").is_some()
        {
            self.refs.insert(key, first.clone());
        }
        answer.unwrap_or_else(|code| json!({"type": "error", "code": code}))
    }

    /// The event that was just put into the own log.
    pub(super) fn done(&self, by: Who) -> Answer {
        Ok(self.said(by, self.head(by)))
    }

    pub(super) fn exists(&self, who: Who) -> Result<(), &'static str> {
        if self.accounts.contains_key(&who) { Ok(()) } else { Err(NOT_FOUND) }
    }

    pub(super) fn is_member(&self, by: Who, group: i64) -> Result<&Membership, &'static str> {
        self.talks.get(&Key::Group(group)).and_then(|talk| talk.seat(by)).ok_or(NOT_FOUND)
    }

    pub(super) fn next_entry(&mut self, key: Key) -> Id {
        self.entries += 1;
        let talk = self.talks.entry(key).or_default();
        talk.entries.push(self.entries);
        if let Key::Pair(low, high) = key {
            for who in [low, high] {
                talk.seats.entry(who).or_default();
            }
        }
        self.entries
    }

    fn say(&mut self, by: Who, to: Place, text: &str, reply_to: Option<Id>) -> Answer {
        let key = Key::of(by, to);
        let to = match to {
            Place::With(other) => self.exists(other).map(|()| Some(other))?,
            Place::Group(group) => self.is_member(by, group).map(|_| None)?,
        };
        let is_here = |id| self.sees(by, id) && self.messages[&id].talk == key;
        if !reply_to.is_none_or(is_here) {
            return Err(NOT_FOUND);
        }
        let is_request = to.map_or(Ok(false), |other| self.ask(by, other))?;
        let id = self.next_entry(key);
        if let Some(asker) = self.talks[&key].asker.filter(|asker| *asker != by) {
            self.meet(by, asker);
        }
        if is_request {
            let talk = self.talk_mut(key);
            (talk.asker, talk.asks, talk.is_open) = (Some(by), talk.asks + 1, true);
        }
        let is_declined = self.talks[&key].is_declined;
        let present: Vec<Who> = self.talks[&key].present().map(|(who, _)| who).collect();
        let (withheld, hearers): (Vec<Who>, Vec<Who>) = present
            .into_iter()
            .partition(|who| self.has_blocked(*who, by) || (is_declined && *who != by));
        let message = Message {
            id,
            talk: key,
            from: by,
            to,
            content: text.to_owned(),
            reply_to,
            is_edited: false,
            is_deleted: false,
            is_request,
            reactions: BTreeMap::new(),
            withheld: withheld.into_iter().collect(),
            hidden: BTreeSet::new(),
            kept: BTreeMap::new(),
        };
        self.messages.insert(id, message);
        let named = self.named(by, key, id, is_request);
        for who in hearers {
            let is_named = named.contains(&who);
            let what = if is_named { EventBody::NamedMessage(id) } else { EventBody::Message(id) };
            self.append_event(who, what);
        }
        Ok(json!({"type": "sent", "id": id, "seq": self.head(by)}))
    }

    /// To whom the name of `by` goes with its message.
    fn named(&mut self, by: Who, key: Key, id: Id, is_request: bool) -> BTreeSet<Who> {
        let talk = self.talk_mut(key);
        let others = talk.present().filter(|(who, _)| *who != by);
        if matches!(key, Key::Pair(..)) {
            let is_named = is_request || !talk.named.contains(&by);
            let named = others.filter(|_| is_named).map(|(who, _)| who).collect();
            talk.named.insert(by);
            return named;
        }
        let last = talk.seats[&by].named;
        let named: BTreeSet<_> =
            others.filter(|(_, seat)| seat.since > last).map(|(who, _)| who).collect();
        if !named.is_empty() {
            self.seat_mut(by, key).named = id;
        }
        named
    }

    fn block(&mut self, by: Who, other: Who) -> Answer {
        if other == by {
            return Err("bad_request");
        }
        self.exists(other)?;
        if self.has_blocked(by, other) {
            return Ok(json!({"type": "ok"}));
        }
        self.account_mut(by).blocks.insert(other);
        for talk in self.talks.values_mut().filter(|talk| talk.seats.contains_key(&other)) {
            if let Some(seat) = talk.seats.get(&by).filter(|seat| seat.until.is_none()) {
                let progress = (seat.delivered, seat.shown_read());
                talk.marks.insert((other, by), progress);
            }
        }
        self.append_event(by, EventBody::Fixed(json!({"type": "block", "id": other})));
        self.done(by)
    }

    fn unblock(&mut self, by: Who, other: Who) -> Answer {
        if !self.account_mut(by).blocks.remove(&other) {
            return Ok(json!({"type": "ok"}));
        }
        for talk in self.talks.values_mut() {
            talk.marks.remove(&(other, by));
        }
        self.append_event(by, EventBody::Fixed(json!({"type": "unblock", "id": other})));
        self.done(by)
    }

    fn retain(&mut self, by: Who, place: Place, days: Option<i64>) -> Answer {
        match place {
            Place::With(other) => {
                self.exists(other)?;
                if !self.knows(by, other) {
                    return Err(NOT_ACCEPTED);
                }
            }
            Place::Group(group) if self.is_member(by, group)?.is_admin => {}
            Place::Group(_) => return Err(FORBIDDEN),
        }
        let key = Key::of(by, place);
        if self.talks.get(&key).and_then(|talk| talk.days) == days {
            return Ok(json!({"type": "ok"}));
        }
        let id = self.next_entry(key);
        self.talk_mut(key).days = days;
        let present: Vec<Who> = self.talks[&key].present().map(|(who, _)| who).collect();
        for who in present {
            // Of two the one who has blocked the other does not hear of it; it holds all the same.
            if matches!(place, Place::With(_)) && self.has_blocked(who, by) {
                self.talk_mut(key).withheld.insert((id, who));
                continue;
            }
            let mut frame = json!({"type": "retention", "by": by, "days": days});
            match key.seen_by(who) {
                Place::With(other) => frame["with"] = json!(other),
                Place::Group(group) => frame["group"] = json!(group),
            }
            self.append_event(who, EventBody::Fixed(frame));
        }
        self.done(by)
    }
}
