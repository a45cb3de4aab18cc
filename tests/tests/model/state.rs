//! EventBody there is: accounts with a log each, and conversations with what was said and done in them.
//!
//! Written from `docs/PROTOCOL.md`, without a thought for speed. Frames are as on the wire, except that accounts, groups and
//! entries are counted from 1 in each run, and without `at` and `ref`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::invitation::Invitation;
use super::op::{Id, Place, Who};

/// All that the server should know.
#[derive(Default)]
pub struct Model {
    pub accounts: BTreeMap<Who, Account>,
    pub talks: BTreeMap<Key, Conversation>,
    pub messages: BTreeMap<Id, Message>,
    /// Entries of all conversations so far: messages, changes of groups, of retention.
    pub entries: Id,
    /// Deeds so far: what the server knows by time.
    pub moment: i64,
    /// The first answer to each message, change of a group and of retention.
    pub refs: BTreeMap<(Who, String), Value>,
    /// How often somebody has added somebody to groups since the server started.
    pub additions: BTreeMap<(Who, Who), usize>,
}

#[derive(Default)]
pub struct Account {
    pub name: String,
    pub log: Vec<Event>,
    pub acknowledged: i64,
    /// Who is blocked.
    pub blocks: BTreeSet<Who>,
    /// Whether it hides what it has read, and does not see what others have read.
    pub hides_read: bool,
    /// The file that is its picture, by the id that the server has given it.
    pub picture: Option<String>,
}

/// An event in one account's log.
pub struct Event {
    pub what: EventBody,
    /// As it was told when it happened.
    pub said: Value,
}

/// EventBody an event is about, so that it can be told as things are now.
pub enum EventBody {
    Message(Id),
    /// The same, with the name of its sender.
    NamedMessage(Id),
    Edit(Id),
    React(Id, Who),
    /// What was set for a conversation.
    Set(Key),
    /// A change of a group, and the member whose name goes with it.
    Change(Value, Option<Who>),
    /// It will always be told like this.
    Fixed(Value),
}

/// Which conversation: that of two people (the lower first), or a group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Pair(Who, Who),
    Group(i64),
}

#[derive(Default)]
pub struct Conversation {
    /// A group's.
    pub name: String,
    pub days: Option<i64>,
    pub entries: Vec<Id>,
    /// How far who has blocked somebody had come then: by the blocked and who has blocked it.
    pub marks: BTreeMap<(Who, Who), (Id, Id)>,
    /// Changes of its retention or name, and who does not have them: has blocked whose they are.
    pub withheld: BTreeSet<(Id, Who)>,
    /// Who is or was in it.
    pub seats: BTreeMap<Who, Membership>,
    /// Who is or was invited to a group.
    pub invitations: BTreeMap<Who, Invitation>,
    /// Of two people who do not know each other: who has asked, and waits for an answer.
    pub asker: Option<Who>,
    /// Its messages and invitations so far, without those that were accepted.
    pub asks: i64,
    /// The same of the other one's invitations, which are no answer.
    pub invites: i64,
    /// Whether it is one of the asker's open requests: the other one has accepted none of the invitations, or something waits still.
    pub is_open: bool,
    /// Whether the other one has declined.
    pub is_declined: bool,
    /// Of two people: whose name has gone with a message.
    pub named: BTreeSet<Who>,
}

/// Somebody in a conversation. EventBody they see comes after `since` and not after `until`.
#[derive(Default)]
pub struct Membership {
    pub is_admin: bool,
    pub since: Id,
    pub until: Option<Departure>,
    pub delivered: Id,
    pub read: Id,
    /// Up to where others see it as having read, since it hides that.
    pub read_hidden: Option<Id>,
    /// Sees no message up to this entry.
    pub cleared: Id,
    pub settings: Settings,
    /// In a group: the last message with which its name went to who had come since.
    pub named: Id,
}

/// What somebody has set for a conversation.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Settings {
    pub muted_until: Option<i64>,
    pub pinned: bool,
    pub archived: bool,
    pub marked_unread: bool,
}

/// Somebody's going from a group.
pub struct Departure {
    /// The entry that says so.
    pub entry: Id,
    /// The group's name then.
    pub name: String,
    pub moment: i64,
}

pub struct Message {
    pub id: Id,
    pub talk: Key,
    pub from: Who,
    /// The receiver, where there are two.
    pub to: Option<Who>,
    pub content: String,
    pub reply_to: Option<Id>,
    pub is_edited: bool,
    pub is_deleted: bool,
    pub reactions: BTreeMap<Who, Reaction>,
    /// Whether it came as a message request.
    pub is_request: bool,
    /// Who does not have it: has blocked its sender or declined its request, or had left before its text was changed.
    pub withheld: BTreeSet<Who>,
    /// Who has deleted it for itself.
    pub hidden: BTreeSet<Who>,
    /// Who had blocked its sender or declined its request when its text was changed, the text that they had, and whether that was edited.
    pub kept: BTreeMap<Who, (String, bool)>,
}

pub struct Reaction {
    pub emoji: String,
    pub moment: i64,
    /// Who had blocked whose it is, had declined its request, or waited for its answer.
    pub withheld: BTreeSet<Who>,
}

impl Key {
    /// A conversation as `by` calls it.
    pub fn of(by: Who, place: Place) -> Self {
        match place {
            Place::With(other) => Self::Pair(by.min(other), by.max(other)),
            Place::Group(group) => Self::Group(group),
        }
    }

    /// EventBody `by` calls it.
    pub fn seen_by(self, by: Who) -> Place {
        match self {
            Self::Pair(low, high) => Place::With(if low == by { high } else { low }),
            Self::Group(group) => Place::Group(group),
        }
    }
}

impl Conversation {
    /// Who is in it now.
    pub fn present(&self) -> impl Iterator<Item = (Who, &Membership)> {
        self.seats.iter().filter(|(_, seat)| seat.until.is_none()).map(|(who, seat)| (*who, seat))
    }

    /// EventBody somebody is in it now.
    pub fn seat(&self, who: Who) -> Option<&Membership> {
        self.seats.get(&who).filter(|seat| seat.until.is_none())
    }
}

impl Membership {
    /// Who comes sees what comes after its coming, `id`.
    pub fn new(id: Id, is_admin: bool) -> Self {
        Self { is_admin, since: id, delivered: id, read: id, ..Self::default() }
    }

    /// Who comes back finds what it had set.
    pub fn again(id: Id, before: Option<&Self>) -> Self {
        let Some(Self { cleared, settings, named, .. }) = before else {
            return Self::new(id, false);
        };
        Self { cleared: *cleared, settings: *settings, named: *named, ..Self::new(id, false) }
    }

    pub fn covers(&self, id: Id) -> bool {
        id > self.since && self.until.as_ref().is_none_or(|gone| id <= gone.entry)
    }
}

impl Model {
    /// Accounts of these names that have done nothing yet.
    pub fn of(names: impl Iterator<Item = String>) -> Self {
        let account = |name| Account { name, ..Account::default() };
        Self { accounts: (1..).zip(names.map(account)).collect(), ..Self::default() }
    }

    pub fn account_mut(&mut self, who: Who) -> &mut Account {
        self.accounts.get_mut(&who).expect("every account is there from the beginning")
    }

    pub fn talk_mut(&mut self, key: Key) -> &mut Conversation {
        self.talks.get_mut(&key).expect("who acts in it has found it")
    }

    pub fn message_mut(&mut self, id: Id) -> &mut Message {
        self.messages.get_mut(&id).expect("who acts on it has seen it")
    }

    pub fn seat_mut(&mut self, who: Who, key: Key) -> &mut Membership {
        self.talk_mut(key).seats.get_mut(&who).expect("who acts in it has a seat")
    }

    /// The number of the last event in a log.
    pub fn head(&self, who: Who) -> i64 {
        self.accounts[&who].log.len() as i64
    }

    pub fn groups(&self) -> impl Iterator<Item = i64> {
        self.talks.keys().filter_map(|key| match key {
            Key::Group(group) => Some(*group),
            Key::Pair(..) => None,
        })
    }

    /// Whether somebody can see a message.
    pub fn sees(&self, who: Who, id: Id) -> bool {
        self.has(who, id) && !self.is_hidden(who, id) && !self.is_cleared(who, id)
    }

    /// Whether somebody could see a message that it has not deleted or cleared for itself.
    pub fn has(&self, who: Who, id: Id) -> bool {
        self.messages.get(&id).is_some_and(|message| {
            let seat = self.talks[&message.talk].seats.get(&who);
            seat.is_some_and(|seat| seat.covers(id)) && !message.withheld.contains(&who)
        })
    }

    pub fn has_blocked(&self, who: Who, other: Who) -> bool {
        self.accounts[&who].blocks.contains(&other)
    }

    /// Whether `who` does not get to know what `by` does to a message: has blocked it, has declined its request, or waits for its
    /// answer.
    pub fn is_deaf(&self, who: Who, by: Who, id: Id) -> bool {
        let is_declined = self.talks[&self.messages[&id].talk].is_declined;
        let asks = |asker| asker == who || (asker == by && is_declined);
        self.has_blocked(who, by) || (who != by && self.asker(id).is_some_and(asks))
    }

    /// Who waits for an answer to the request that a message is of.
    pub fn asker(&self, id: Id) -> Option<Who> {
        self.talks[&self.messages[&id].talk].asker
    }

    /// Whether `who` may see the name of `other`.
    pub fn sees_name(&self, who: Who, other: Who) -> bool {
        let talk = self.talks.get(&Key::of(who, Place::With(other)));
        let in_both = |(key, talk): (&Key, &Conversation)| {
            matches!(key, Key::Group(_)) && talk.seat(who).is_some() && talk.seat(other).is_some()
        };
        who == other
            || talk.is_some_and(|talk| talk.asker != Some(who))
            || self.talks.iter().any(in_both)
    }

    /// The reaction of `by` as `who` sees it: not one made after `who` had left, or while it had blocked `by`.
    pub fn reaction(&self, who: Who, id: Id, by: Who) -> Option<&str> {
        let message = &self.messages[&id];
        let reaction = message.reactions.get(&by)?;
        let gone = &self.talks[&message.talk].seats[&who].until;
        let is_in_time = gone.as_ref().is_none_or(|gone| reaction.moment < gone.moment);
        (is_in_time && !reaction.withheld.contains(&who)).then_some(&reaction.emoji)
    }

    /// Puts an event at the end of a log.
    pub fn append_event(&mut self, who: Who, what: EventBody) {
        let said = self.told(who, self.head(who) + 1, &what);
        self.account_mut(who).log.push(Event { what, said });
    }

    /// An event as it was told when it happened.
    pub fn said(&self, who: Who, seq: i64) -> Value {
        self.accounts[&who].log[seq as usize - 1].said.clone()
    }

    /// An event as it is told to who asks late.
    pub fn now(&self, who: Who, seq: i64) -> Value {
        self.told(who, seq, &self.accounts[&who].log[seq as usize - 1].what)
    }

    fn told(&self, who: Who, seq: i64, what: &EventBody) -> Value {
        let mut frame = match what {
            EventBody::Message(id)
            | EventBody::NamedMessage(id)
            | EventBody::Edit(id)
            | EventBody::React(id, _)
                if self.messages[id].withheld.contains(&who)
                    || self.is_hidden(who, *id)
                    || self.is_cleared(who, *id) =>
            {
                json!({"type": "expired"})
            }
            EventBody::Message(id) | EventBody::NamedMessage(id) => {
                let mut frame = self.messages[id].frame(who);
                frame["type"] = json!("message");
                if self.messages[id].is_request {
                    frame["request"] = json!(true);
                }
                if matches!(what, EventBody::NamedMessage(_)) {
                    self.name(&mut frame, "name", who, self.messages[id].from);
                }
                frame
            }
            EventBody::Edit(id) => {
                json!({"type": "edit", "id": id, "content": self.messages[id].text(who).0})
            }
            EventBody::React(id, by) => {
                json!({"type": "react", "id": id, "by": by, "emoji": self.reaction(who, *id, *by)})
            }
            EventBody::Set(key) => self.talks[key].seats[&who].settings.frame(key.seen_by(who)),
            EventBody::Change(frame, member) => {
                let mut frame = frame.clone();
                let by = frame["by"].as_i64().unwrap_or_default();
                if by != who {
                    self.name(&mut frame, "by_name", who, by);
                }
                if let Some(member) = member.filter(|_| by != who) {
                    self.name(&mut frame, "member_name", who, member);
                }
                frame
            }
            EventBody::Fixed(frame) => frame.clone(),
        };
        frame["seq"] = json!(seq);
        frame
    }
}

impl Model {
    /// Puts the name of `other` into a frame, if `who` may see it.
    fn name(&self, frame: &mut Value, key: &str, who: Who, other: Who) {
        if self.sees_name(who, other) {
            frame[key] = json!(self.accounts[&other].name);
        }
    }
}

impl Message {
    /// The text that `who` reads, and whether it is edited.
    pub fn text(&self, who: Who) -> (&str, bool) {
        let kept = self.kept.get(&who).map(|(text, is_edited)| (text.as_str(), *is_edited));
        kept.unwrap_or((&self.content, self.is_edited))
    }

    /// As it is now for `who`.
    pub fn frame(&self, who: Who) -> Value {
        let (content, is_edited) = self.text(who);
        let mut frame = json!({"id": self.id, "from": self.from, "content": content});
        match (self.to, self.talk) {
            (Some(to), _) => frame["to"] = json!(to),
            (None, Key::Group(group)) => frame["group"] = json!(group),
            (None, Key::Pair(..)) => {}
        }
        if let Some(id) = self.reply_to {
            frame["reply_to"] = json!(id);
        }
        if self.is_deleted {
            frame["deleted"] = json!(true);
        } else if is_edited {
            frame["edited_at"] = json!(true);
        }
        frame
    }
}
