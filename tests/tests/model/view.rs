//! EventBody somebody is shown who asks.

use serde_json::{Value, json};

use super::op::{Id, Place, Who};
use super::state::{Conversation, Key, Membership, Message, Model};

impl Model {
    /// A log as it is told from event `since` on.
    pub fn log(&self, who: Who, since: i64) -> Vec<Value> {
        (since + 1..=self.head(who)).map(|seq| self.now(who, seq)).collect()
    }

    /// A conversation's messages, the newest last; nothing if there is no such group for `who`.
    pub fn history(&self, who: Who, place: Place) -> Option<Vec<Value>> {
        let key = Key::of(who, place);
        let was_there = self.talks.get(&key).is_some_and(|talk| talk.seats.contains_key(&who));
        match place {
            Place::Group(_) if !was_there => None,
            _ => Some(self.pages(who, |message| message.talk == key)),
        }
    }

    /// The messages that have words which begin so, the newest last; none of which `who` reads an older text.
    pub fn search(&self, who: Who, text: &str) -> Vec<Value> {
        let has = |message: &Message, start: &str| {
            words(&message.content).any(|it| it.starts_with(start))
        };
        let fits = |message: &Message| words(text).all(|word| has(message, &word));
        self.pages(who, |message| {
            let is_shown = !has_declined(who, &self.talks[&message.talk]);
            is_shown && !message.kept.contains_key(&who) && fits(message)
        })
    }

    fn pages(&self, who: Who, fits: impl Fn(&Message) -> bool) -> Vec<Value> {
        let seen = self.messages.values().filter(|it| self.sees(who, it.id) && fits(it));
        let shown = |message: &Message| {
            let mut frame = message.frame(who);
            let reactions = message.reactions.keys();
            let seen = |by: &Who| Some((*by, self.reaction(who, message.id, *by)?));
            let reactions: Vec<_> = reactions
                .filter_map(seen)
                .map(|(by, emoji)| json!({"by": by, "emoji": emoji}))
                .collect();
            if !reactions.is_empty() {
                frame["reactions"] = json!(reactions);
            }
            frame
        };
        seen.map(shown).collect()
    }

    /// The conversations in which `who` has seen something, the latest activity first.
    pub fn conversations(&self, who: Who) -> Vec<Value> {
        let own = self.talks.iter().filter_map(|(key, talk)| {
            if let (Key::Group(group), Some(invitation)) = (key, talk.waiting(who)) {
                return Some((invitation.entry, invitation.line(*group)));
            }
            let seat = talk.seats.get(&who).filter(|_| !has_declined(who, talk))?;
            let activity = self.activity(who, talk, seat)?;
            // A group stays for who is in it.
            let stays = matches!(key, Key::Group(_)) && seat.until.is_none();
            let line = || (activity, self.line(who, *key, talk, seat));
            (stays || activity > seat.cleared).then(line)
        });
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|(activity, _)| -activity);
        own.into_iter()
            .map(|(activity, mut line)| {
                line["activity"] = self.mark(activity);
                line
            })
            .collect()
    }

    /// The last entry that somebody has had.
    pub(super) fn activity(&self, who: Who, talk: &Conversation, seat: &Membership) -> Option<Id> {
        let until = seat.until.as_ref().map_or(Id::MAX, |gone| gone.entry);
        let has = |id: &Id| {
            let message = self.messages.get(id);
            let is_withheld =
                message.is_some_and(|it| it.withheld.contains(&who) || it.hidden.contains(&who));
            *id <= until && !is_withheld && !talk.withheld.contains(&(*id, who))
        };
        talk.entries.iter().copied().rfind(has)
    }

    fn line(&self, who: Who, key: Key, talk: &Conversation, seat: &Membership) -> Value {
        let days = talk.days.filter(|_| seat.until.is_none());
        let mut line = json!({"days": days, "read": self.mark(seat.read)});
        seat.settings.show(&mut line);
        match key.seen_by(who) {
            Place::With(other) => {
                let (delivered, read) = self.progress(who, other, key);
                line["with"] = json!(other);
                self.identify(&mut line, who, other);
                let has_asked = talk.asker == Some(who);
                line["delivered_to"] = self.mark(if has_asked { 0 } else { delivered });
                line["read_by"] = self.mark(if has_asked { 0 } else { read });
                if talk.asker == Some(other) {
                    line["request"] = json!(true);
                }
            }
            Place::Group(group) => {
                line["group"] = json!(group);
                line["name"] = json!(seat.until.as_ref().map_or(&talk.name, |gone| &gone.name));
                if seat.until.is_none() {
                    line["role"] = json!(role(seat));
                }
            }
        }
        let seen = || talk.entries.iter().filter(|id| self.sees(who, **id));
        if let Some(last) = seen().next_back() {
            line["last"] = self.messages[last].frame(who);
        }
        let is_unread = |id: &&Id| {
            let message = &self.messages[*id];
            **id > seat.read && message.from != who && !message.is_deleted
        };
        line["unread"] = json!(seen().filter(is_unread).count());
        line
    }

    /// EventBody a group is like; nothing for who is not in it.
    pub fn show(&self, who: Who, group: i64) -> Option<Value> {
        let talk = self.talks.get(&Key::Group(group))?;
        talk.seat(who)?;
        let mut present: Vec<_> = talk.present().collect();
        present.sort_by_key(|(who, seat)| (seat.since, *who));
        let line = |(other, seat): &(Who, &Membership)| {
            let (delivered, read) = self.progress(who, *other, Key::Group(group));
            let (delivered, read) = (self.mark(delivered), self.mark(read));
            let mut line =
                json!({"id": other, "role": role(seat), "delivered": delivered, "read": read});
            self.identify(&mut line, who, *other);
            line
        };
        let asked = |other: &Who| {
            let mut line = json!({"id": other, "role": "invited", "delivered": 0, "read": 0});
            self.identify(&mut line, who, *other);
            line
        };
        let invited = talk.invited();
        let invited = invited.iter().map(asked);
        let members: Vec<_> = present.iter().map(line).chain(invited).collect();
        let (name, days) = (&talk.name, talk.days);
        Some(
            json!({"type": "group.show", "group": group, "name": name, "days": days, "members": members}),
        )
    }

    /// Puts the name and the picture of `other` into a line, if `who` may see them.
    fn identify(&self, line: &mut Value, who: Who, other: Who) {
        if self.sees_name(who, other) {
            line["name"] = json!(self.accounts[&other].name);
            let picture = self.accounts[&other].picture.as_ref();
            if let Some(picture) = picture.filter(|_| self.sees_picture(who, other)) {
                line["picture"] = json!(picture);
            }
        }
    }

    /// Whether `who` sees the picture of `other`: not of somebody who is blocked, or whose request it has not answered.
    pub(super) fn sees_picture(&self, who: Who, other: Who) -> bool {
        let pair = self.talks.get(&Key::Pair(who.min(other), who.max(other)));
        let is_asked = pair.is_some_and(|talk| talk.asker == Some(other)) && who != other;
        self.sees_name(who, other) && !is_asked && !self.has_blocked(who, other)
    }

    /// A place among entries. Only those of messages are known outside: another is told by the message before it.
    fn mark(&self, id: Id) -> Value {
        match self.messages.range(..=id).next_back() {
            Some((last, _)) if *last == id => json!(id),
            Some((last, _)) => json!(format!("after {last}")),
            None if id == 0 => json!(0),
            None => json!("after 0"),
        }
    }
}

fn has_declined(who: Who, talk: &Conversation) -> bool {
    talk.is_declined && talk.asker != Some(who)
}

fn role(seat: &Membership) -> &'static str {
    if seat.is_admin { "admin" } else { "member" }
}

/// Its words, in small letters.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
