//! Invitations to groups in the model.

use serde_json::{Value, json};

use super::op::{Id, Place, Who};
use super::request::WAITING_MAX;
use super::rule::{Answer, FORBIDDEN, NOT_ACCEPTED, NOT_FOUND};
use super::state::{Conversation, EventBody, Key, Membership, Model, Settings};

/// Somebody is or was invited to a group.
pub struct Invitation {
    by: Who,
    /// The entry that says so.
    pub entry: Id,
    /// The group's name then.
    name: String,
    /// Whether it counts where the two do not know each other.
    counts: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    /// Declined, or never heard of.
    Silent,
    Withdrawn,
}

impl Conversation {
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
        let mut line = json!({"group": group, "name": self.name, "role": "invited", "unread": 0,
            "read": 0, "days": null});
        Settings::default().show(&mut line);
        line
    }
}

impl Model {
    /// Whether `by` can have `who` in a group without asking; nothing if it has asked too often.
    pub(super) fn joins(&self, by: Who, who: Who) -> Result<bool, &'static str> {
        let talk = self.talks.get(&Key::of(by, Place::With(who)));
        if !self.ask(by, who)? && talk.is_some_and(|it| it.invites >= WAITING_MAX) {
            return Err(NOT_ACCEPTED);
        }
        Ok(self.knows(by, who) && !self.has_blocked(who, by))
    }

    /// `who` is asked.
    pub(super) fn invite(&mut self, by: Who, group: i64, who: Who) {
        let key = Key::of(by, Place::With(who));
        let is_deaf = self.hears_nothing(who, by);
        let counts = !self.knows(by, who);
        if self.ask(by, who) == Ok(true) {
            let talk = self.talks.entry(key).or_default();
            for who in [by, who] {
                talk.seats.entry(who).or_default();
            }
            (talk.asker, talk.asks, talk.is_open) = (Some(by), talk.asks + 1, true);
        } else if counts {
            self.talk_mut(key).invites += 1;
        }
        let entry = self.next_entry(Key::Group(group));
        let talk = self.talk_mut(Key::Group(group));
        let state = if is_deaf { State::Silent } else { State::Waiting };
        let invitation = Invitation { by, entry, name: talk.name.clone(), counts, state };
        talk.invitations.insert(who, invitation);
        self.tell_change(by, group, "invite", Some(who));
    }

    /// `who` looks invited, but has heard nothing of it, since it hears nothing from who has invited it: now it does.
    pub(super) fn invite_again(&mut self, by: Who, group: i64, who: Who) {
        let found = self.talks[&Key::Group(group)].invitations.get(&who);
        let Some(found) = found.filter(|it| it.state == State::Silent) else { return };
        if !self.hears_nothing(who, found.by) || self.hears_nothing(who, by) {
            return;
        }
        let mut frame = json!({"type": "group", "group": group, "change": "invite", "by": by});
        (frame["name"], frame["member"]) = (json!(found.name), json!(who));
        let invitation = self.talk_mut(Key::Group(group)).invitations.get_mut(&who);
        let invitation = invitation.expect("it is invited");
        (invitation.by, invitation.counts, invitation.state) = (by, false, State::Waiting);
        self.append_event(who, EventBody::Change(frame, None));
    }

    /// Whether `who` has blocked `other` or declined its request.
    fn hears_nothing(&self, who: Who, other: Who) -> bool {
        let talk = self.talks.get(&Key::of(who, Place::With(other)));
        let is_declined = talk.is_some_and(|it| it.is_declined && it.asker == Some(other));
        is_declined || self.has_blocked(who, other)
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
        self.waiting(by, group)?;
        let entry = self.next_entry(key);
        let talk = self.talk_mut(key);
        let seat = Membership::again(entry, talk.seats.get(&by));
        talk.seats.insert(by, seat);
        let invitation = talk.invitations.remove(&by);
        self.tell_change(by, group, "join", None);
        if let Some(Invitation { by: inviter, counts: true, .. }) = invitation {
            self.count_no_more(by, inviter);
        }
        self.done(by)
    }

    /// An invitation that counted does so no more. It was perhaps all that its inviter has asked.
    fn count_no_more(&mut self, by: Who, inviter: Who) {
        let pair = Key::of(by, Place::With(inviter));
        let Some(talk) = self.talks.get_mut(&pair) else { return };
        match talk.asker {
            None => return,
            Some(asker) if asker == inviter => talk.asks -= 1,
            Some(_) => talk.invites -= 1,
        }
        if talk.asks == 0 {
            assert!(talk.entries.is_empty(), "a message counts");
            let other = if talk.asker == Some(by) { inviter } else { by };
            (talk.asker, talk.asks, talk.invites) = (Some(other), talk.invites, 0);
            (talk.is_open, talk.is_declined) = (true, false);
            if talk.asks == 0 {
                self.talks.remove(&pair);
                return;
            }
        }
        // EventBody was taken back waits for nothing more, now that something was accepted.
        let asker = talk.asker.expect("somebody asks");
        let (is_empty, other) = (talk.entries.is_empty(), if asker == by { inviter } else { by });
        let waits = |talk: &Conversation| {
            let invitation = talk.invitations.get(&other);
            invitation.is_some_and(|it| it.by == asker && it.state != State::Withdrawn)
        };
        if is_empty && !self.talks.values().any(waits) {
            self.talk_mut(pair).is_open = false;
        }
    }

    pub(super) fn decline_invitation(&mut self, by: Who, group: i64) -> Answer {
        if self.is_member(by, group).is_ok() {
            return Err(FORBIDDEN);
        }
        let known =
            self.talks.get(&Key::Group(group)).map(Conversation::invited).unwrap_or_default();
        match self.waiting(by, group) {
            Err(_) if known.contains(&by) => return Ok(json!({"type": "ok"})),
            waiting => waiting?,
        };
        let invitation = self.talk_mut(Key::Group(group)).invitations.get_mut(&by);
        invitation.expect("it is invited").state = State::Silent;
        self.append_event(by, EventBody::Fixed(json!({"type": "decline", "group": group})));
        self.done(by)
    }

    /// Who has invited `by` to a group, where it waits for an answer.
    fn waiting(&self, by: Who, group: i64) -> Result<Who, &'static str> {
        let talk = self.talks.get(&Key::Group(group)).ok_or(NOT_FOUND)?;
        talk.waiting(by).map(|it| it.by).ok_or(NOT_FOUND)
    }
}
