//! Invitations to groups in the model.

use serde_json::{Value, json};

use super::op::{Id, Place, Who};
use super::rule::{Answer, FORBIDDEN, NOT_FOUND};
use super::state::{Key, Model, Seat, Talk, What};

/// Somebody is or was invited to a group.
pub struct Invitation {
    by: Who,
    /// The entry that says so.
    pub entry: Id,
    /// The group's name then.
    name: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    /// Declined, or never heard of.
    Silent,
    Withdrawn,
}

impl Talk {
    /// The invitation of `who` that waits.
    pub fn waiting(&self, who: Who) -> Option<&Invitation> {
        self.invitations.get(&who).filter(|it| it.state == State::Waiting)
    }

    /// Who is invited as far as the group knows, the first first.
    pub fn invited(&self) -> Vec<Who> {
        let known = self.invitations.iter().filter(|(_, it)| it.state != State::Withdrawn);
        let mut known: Vec<_> = known.map(|(who, it)| (it.entry, *who)).collect();
        known.sort_unstable();
        known.into_iter().map(|(_, who)| who).collect()
    }
}

impl Invitation {
    /// Its line among the conversations.
    pub fn line(&self, group: i64) -> Value {
        json!({"group": group, "name": self.name, "role": "invited", "unread": 0, "read": 0, "days": null})
    }
}

impl Model {
    /// Whether `by` can have `who` in a group without asking; nothing if it has asked too often.
    pub(super) fn joins(&self, by: Who, who: Who) -> Result<bool, &'static str> {
        self.ask(by, who)?;
        Ok(self.knows(by, who) && !self.has_blocked(who, by))
    }

    /// `who` is asked.
    pub(super) fn invite(&mut self, by: Who, group: i64, who: Who) {
        let key = Key::of(by, Place::With(who));
        let is_declined =
            self.talks.get(&key).is_some_and(|it| it.is_declined && it.asker == Some(by));
        let is_deaf = is_declined || self.has_blocked(who, by);
        if self.ask(by, who) == Ok(true) {
            let talk = self.talks.entry(key).or_default();
            for who in [by, who] {
                talk.seats.entry(who).or_default();
            }
            (talk.asker, talk.asks) = (Some(by), talk.asks + 1);
        }
        let entry = self.next_entry(Key::Group(group));
        let talk = self.talk_mut(Key::Group(group));
        let state = if is_deaf { State::Silent } else { State::Waiting };
        let invitation = Invitation { by, entry, name: talk.name.clone(), state };
        talk.invitations.insert(who, invitation);
        self.tell_change(by, group, "invite", Some(who));
    }

    /// An admin takes an invitation back.
    pub(super) fn withdraw(&mut self, by: Who, group: i64, who: Who) -> Result<(), &'static str> {
        let key = Key::Group(group);
        if !self.talks[&key].invited().contains(&who) {
            return Err(NOT_FOUND);
        }
        self.next_entry(key);
        self.tell_change(by, group, "remove", Some(who));
        let invitation = self.talk_mut(key).invitations.get_mut(&who);
        invitation.expect("it is invited").state = State::Withdrawn;
        Ok(())
    }

    pub(super) fn join(&mut self, by: Who, group: i64) -> Answer {
        let key = Key::Group(group);
        if self.is_member(by, group).is_ok() {
            return Ok(json!({"type": "ok"}));
        }
        let inviter = self.waiting(by, group)?;
        let entry = self.next_entry(key);
        let talk = self.talk_mut(key);
        talk.seats.insert(by, Seat::new(entry, false));
        talk.invitations.remove(&by);
        self.tell_change(by, group, "join", None);
        // It was perhaps all that the inviter has asked.
        let pair = Key::of(by, Place::With(inviter));
        if let Some(talk) = self.talks.get_mut(&pair).filter(|it| it.asker == Some(inviter)) {
            talk.asks -= 1;
            if talk.asks == 0 {
                self.talks.remove(&pair);
            }
        }
        self.done(by)
    }

    pub(super) fn decline_invitation(&mut self, by: Who, group: i64) -> Answer {
        if self.is_member(by, group).is_ok() {
            return Err(FORBIDDEN);
        }
        let known = self.talks.get(&Key::Group(group)).map(Talk::invited).unwrap_or_default();
        match self.waiting(by, group) {
            Err(_) if known.contains(&by) => return Ok(json!({"type": "ok"})),
            waiting => waiting?,
        };
        let invitation = self.talk_mut(Key::Group(group)).invitations.get_mut(&by);
        invitation.expect("it is invited").state = State::Silent;
        self.tell(by, What::Fixed(json!({"type": "decline", "group": group})));
        self.done(by)
    }

    /// Who has invited `by` to a group, where it waits for an answer.
    fn waiting(&self, by: Who, group: i64) -> Result<Who, &'static str> {
        let talk = self.talks.get(&Key::Group(group)).ok_or(NOT_FOUND)?;
        talk.waiting(by).map(|it| it.by).ok_or(NOT_FOUND)
    }
}
