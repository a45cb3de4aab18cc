//! Which message or group a small number stands for: mostly one that matters to who picks it.

use super::op::{Action, Change, Id, NO_MESSAGE, NOBODY, Place, Who};
use super::state::{Key, Model};

/// From here on a number picks among all there are, and not only among those that make sense.
const ANY: i64 = 12;

impl Model {
    /// The action with ids in place of picks. `heard`: the last event that the device has.
    pub fn resolve(&self, by: Who, heard: i64, action: &Action) -> Action {
        match action {
            Action::Say(to, text, reply) => {
                let to = self.place(*to);
                let here = |id: &Id| self.messages[id].talk == Key::of(by, to);
                let reply = reply.map(|pick| self.message(by, pick, here));
                Action::Say(to, text, reply)
            }
            // Beyond the log's end it means the end.
            Action::Received(0) => Action::Received(heard),
            Action::Received(1) => Action::Received(heard + 5),
            Action::Received(less) => Action::Received((heard - less).max(0)),
            Action::Read(pick) => Action::Read(self.message(by, *pick, |_| true)),
            Action::Edit(pick, text) => Action::Edit(self.own(by, *pick), text),
            Action::Delete(pick) => Action::Delete(self.own(by, *pick)),
            Action::React(pick, emoji) => Action::React(self.message(by, *pick, |_| true), *emoji),
            Action::Report(pick) => Action::Report(self.message(by, *pick, |_| true)),
            Action::Hide(pick) => Action::Hide(self.message(by, *pick, |_| true)),
            Action::Set(place, setting) => Action::Set(self.place(*place), *setting),
            Action::Clear(place) => Action::Clear(self.place(*place)),
            Action::Retain(place, days) => Action::Retain(self.place(*place), *days),
            Action::Change(pick, change) => {
                let change = match change {
                    Change::Demote(NOBODY) => Change::Demote(by),
                    change => change.clone(),
                };
                Action::Change(self.group(*pick), change)
            }
            Action::Join(pick) => Action::Join(self.invitation(by, *pick)),
            Action::DeclineInvitation(pick) => {
                Action::DeclineInvitation(self.invitation(by, *pick))
            }
            Action::Block(_)
            | Action::Unblock(_)
            | Action::Accept(_)
            | Action::Decline(_)
            | Action::Create(..) => action.clone(),
        }
    }

    fn own(&self, by: Who, pick: i64) -> Id {
        self.message(by, pick, |id| self.messages[id].from == by)
    }

    /// The latest that `by` sees and that fits is 0, the one before it 1.
    fn message(&self, by: Who, pick: i64, fits: impl Fn(&Id) -> bool) -> Id {
        let good = |id: &Id| fits(id) && self.sees(by, *id);
        let fitting: Vec<Id> = self.messages.keys().copied().filter(good).collect();
        let all: Vec<Id> = self.messages.keys().copied().collect();
        let from = if pick >= ANY || fitting.is_empty() { all } else { fitting };
        nth_last(&from, pick).unwrap_or(NO_MESSAGE)
    }

    fn group(&self, pick: i64) -> i64 {
        let all: Vec<i64> = self.groups().collect();
        nth_last(&all, pick).unwrap_or(NOBODY)
    }

    /// Mostly a group to which `by` is invited.
    fn invitation(&self, by: Who, pick: i64) -> i64 {
        let waits = |group: &i64| self.talks[&Key::Group(*group)].waiting(by).is_some();
        let waiting: Vec<i64> = self.groups().filter(waits).collect();
        if pick >= ANY || waiting.is_empty() {
            return self.group(pick);
        }
        nth_last(&waiting, pick).unwrap_or(NOBODY)
    }

    fn place(&self, place: Place) -> Place {
        match place {
            Place::Group(pick) => Place::Group(self.group(pick)),
            with => with,
        }
    }
}

fn nth_last(all: &[i64], pick: i64) -> Option<i64> {
    let pick = usize::try_from(pick).ok()?;
    all.iter().rev().nth(pick.checked_rem(all.len())?).copied()
}
