//! How groups are made and change.

use std::collections::BTreeSet;

use serde_json::json;

use super::op::{Action, Change, Who};
use super::request::OPEN_MAX;
use super::rule::{Answer, FORBIDDEN, NOT_ACCEPTED};
use super::state::{Departure, EventBody, Key, Membership, Model};

/// How often somebody adds the same one to groups in a day; a run is shorter than a share of it.
const ADDITIONS_MAX: usize = 100;

impl Model {
    /// Counts whom an action adds to a group, whatever becomes of it; whether one of them was added too often before.
    pub(super) fn adds_too_often(&mut self, by: Who, action: &Action) -> bool {
        let added: BTreeSet<Who> = match action {
            Action::Create(_, members) => members.iter().copied().collect(),
            Action::Change(_, Change::Add(who)) => BTreeSet::from([*who]),
            _ => return false,
        };
        let added = added.into_iter().filter(|who| *who != by);
        let pairs: Vec<_> = added.map(|who| (by, who)).collect();
        let times = |pair| self.additions.get(pair).copied().unwrap_or(0);
        if pairs.iter().any(|pair| times(pair) >= ADDITIONS_MAX) {
            return true;
        }
        pairs.into_iter().for_each(|pair| *self.additions.entry(pair).or_default() += 1);
        false
    }

    pub(super) fn create(&mut self, by: Who, name: &str, members: &[Who]) -> Answer {
        members.iter().try_for_each(|who| self.exists(*who))?;
        let others: BTreeSet<Who> = members.iter().copied().filter(|who| *who != by).collect();
        let joins = |who: &Who| self.joins(by, *who).map(|joins| (*who, joins));
        let more = others.iter().filter(|who| self.opens(by, **who)).count();
        if more > 0 && self.open(by) + more > OPEN_MAX {
            return Err(NOT_ACCEPTED);
        }
        let others = others.iter().map(joins).collect::<Result<Vec<_>, _>>()?;
        let group = self.groups().last().unwrap_or(0) + 1;
        let id = self.next_entry(Key::Group(group));
        let talk = self.talk_mut(Key::Group(group));
        name.clone_into(&mut talk.name);
        for (who, _) in others.iter().chain([&(by, true)]).filter(|(_, joins)| *joins) {
            talk.seats.insert(*who, Membership::new(id, *who == by));
        }
        self.tell_change(by, group, "create", None);
        let answer = self.done(by);
        for (who, _) in others.iter().filter(|(_, joins)| !joins) {
            self.invite(by, group, *who);
        }
        answer
    }

    pub(super) fn change(&mut self, by: Who, group: i64, change: &Change) -> Answer {
        let own = self.is_member(by, group)?;
        let is_leaving =
            matches!(change, Change::Leave) || matches!(change, Change::Remove(who) if *who == by);
        if !is_leaving && !own.is_admin {
            return Err(FORBIDDEN);
        }
        let key = Key::Group(group);
        let is_admin = |who: Who| self.is_member(who, group).map(|seat| seat.is_admin);
        match change {
            _ if is_leaving => self.leave(by, group),
            Change::Leave => {}
            Change::Add(who) => {
                self.exists(*who)?;
                let talk = &self.talks[&key];
                if is_admin(*who).is_ok() || talk.invited().contains(who) {
                    self.invite_again(by, group, *who);
                    return Ok(json!({"type": "ok"}));
                }
                let was_there = talk.seats.contains_key(who) || talk.invitations.contains_key(who);
                if !self.joins(by, *who)? || was_there {
                    self.invite(by, group, *who);
                    return self.done(by);
                }
                let id = self.next_entry(key);
                self.talk_mut(key).seats.insert(*who, Membership::new(id, false));
                self.tell_change(by, group, "add", Some(*who));
            }
            Change::Remove(who) => {
                if is_admin(*who).is_ok() {
                    self.go(by, group, "remove", Some(*who));
                } else {
                    self.withdraw(by, group, *who)?;
                }
            }
            Change::Rename(name) => {
                if self.talks[&key].name == *name {
                    return Ok(json!({"type": "ok"}));
                }
                let id = self.next_entry(key);
                (*name).clone_into(&mut self.talk_mut(key).name);
                let present: Vec<Who> = self.talks[&key].present().map(|(who, _)| who).collect();
                let deaf = present.into_iter().filter(|who| self.has_blocked(*who, by));
                let deaf: Vec<_> = deaf.map(|who| (id, who)).collect();
                self.talk_mut(key).withheld.extend(deaf);
                self.tell_change(by, group, "rename", None);
            }
            Change::Promote(who) => {
                if is_admin(*who)? {
                    return Ok(json!({"type": "ok"}));
                }
                self.next_entry(key);
                self.seat_mut(*who, key).is_admin = true;
                self.tell_change(by, group, "promote", Some(*who));
            }
            Change::Demote(who) => {
                if !is_admin(*who)? {
                    return Ok(json!({"type": "ok"}));
                }
                if self.talks[&key].present().filter(|(_, seat)| seat.is_admin).count() == 1 {
                    return Err(FORBIDDEN);
                }
                self.next_entry(key);
                self.seat_mut(*who, key).is_admin = false;
                self.tell_change(by, group, "demote", Some(*who));
            }
        }
        self.done(by)
    }

    fn leave(&mut self, by: Who, group: i64) {
        let key = Key::Group(group);
        let others = || self.talks[&key].present().filter(|(who, _)| *who != by);
        let heir = others().min_by_key(|(who, seat)| (seat.since, *who)).map(|(who, _)| who);
        let is_last = self.talks[&key].seats[&by].is_admin && !others().any(|(_, it)| it.is_admin);
        if let Some(heir) = heir.filter(|_| is_last) {
            self.next_entry(key);
            self.seat_mut(heir, key).is_admin = true;
            self.tell_change(by, group, "promote", Some(heir));
        }
        self.go(by, group, "leave", None);
        if self.talks[&key].present().next().is_none() {
            self.talk_mut(key).invitations.clear();
        }
    }

    /// `member`, or else `by` itself, is no longer there.
    fn go(&mut self, by: Who, group: i64, change: &str, member: Option<Who>) {
        let key = Key::Group(group);
        let entry = self.next_entry(key);
        self.tell_change(by, group, change, member);
        let (name, moment) = (self.talks[&key].name.clone(), self.moment);
        let seat = self.seat_mut(member.unwrap_or(by), key);
        (seat.until, seat.is_admin) = (Some(Departure { entry, name, moment }), false);
    }

    /// Tells everybody who is there, and who is invited if it is about that.
    pub(super) fn tell_change(&mut self, by: Who, group: i64, change: &str, member: Option<Who>) {
        let talk = &self.talks[&Key::Group(group)];
        let invited = member.filter(|who| talk.waiting(*who).is_some());
        let present: Vec<Who> = talk.present().map(|(who, _)| who).chain(invited).collect();
        let mut frame = json!({"type": "group", "group": group, "change": change, "by": by});
        frame["name"] = json!(talk.name);
        if let Some(member) = member {
            frame["member"] = json!(member);
        }
        let hears = |who: &Who| change != "rename" || !self.has_blocked(*who, by);
        let hearers: Vec<Who> = present.into_iter().filter(hears).collect();
        let member = member.filter(|_| matches!(change, "add" | "promote" | "demote"));
        for who in hearers {
            self.append_event(who, EventBody::Change(frame.clone(), member));
        }
    }
}
