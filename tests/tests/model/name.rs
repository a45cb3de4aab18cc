//! The server's numbers and the model's, from one to the other.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use super::op::{Action, Change, Id, Place, Setting, Who};

/// A number that the server has not given to anything.
const NOTHING: i64 = i64::MAX / 2;

/// Which number of the server's stands for which of the model's.
#[derive(Default)]
pub struct IdMaps {
    pub accounts: IdMap,
    pub groups: IdMap,
    pub messages: IdMap,
}

/// A table that is read both ways.
#[derive(Default)]
pub struct IdMap {
    outside: BTreeMap<i64, i64>,
    inside: BTreeMap<i64, i64>,
}

impl IdMap {
    /// Notes what a number of the server's stands for.
    pub fn learn(&mut self, outside: i64, inside: i64) -> Result<()> {
        let first = self.inside.insert(outside, inside);
        ensure!(first.is_none_or(|it| it == inside), "{outside} is {first:?} and {inside}");
        self.outside.insert(inside, outside);
        Ok(())
    }

    pub fn outside(&self, inside: i64) -> i64 {
        self.outside.get(&inside).copied().unwrap_or(NOTHING)
    }

    fn inside(&self, outside: i64) -> Value {
        self.inside
            .get(&outside)
            .map_or_else(|| json!(format!("unknown {outside}")), |it| json!(it))
    }

    /// As the model's marks.
    fn mark(&self, outside: i64) -> Value {
        match self.inside.range(..=outside).next_back() {
            Some((last, id)) if *last == outside => json!(id),
            Some((_, id)) => json!(format!("after {id}")),
            None if outside == 0 => json!(0),
            None => json!("after 0"),
        }
    }
}

impl IdMaps {
    /// The request for an action, in the server's numbers.
    pub fn request(&self, action: &Action, reference: &str) -> Value {
        let (message, account) =
            (|id: Id| self.messages.outside(id), |who: Who| self.accounts.outside(who));
        let mut frame = match action {
            Action::Say(to, text, reply) => {
                let mut frame = self.place("to", *to);
                frame["content"] = json!(text);
                if let Some(id) = reply {
                    frame["reply_to"] = json!(message(*id));
                }
                frame
            }
            Action::Received(seq) => json!({"type": "received", "seq": seq}),
            Action::Read(id) => json!({"type": "read", "id": message(*id)}),
            Action::Edit(id, text) => json!({"type": "edit", "id": message(*id), "content": text}),
            Action::Delete(id) => json!({"type": "delete", "id": message(*id)}),
            Action::React(id, emoji) => {
                json!({"type": "react", "id": message(*id), "emoji": emoji})
            }
            Action::Block(who) => json!({"type": "block", "id": account(*who)}),
            Action::Unblock(who) => json!({"type": "unblock", "id": account(*who)}),
            Action::Accept(who) => json!({"type": "accept", "id": account(*who)}),
            Action::Decline(who) => json!({"type": "decline", "id": account(*who)}),
            Action::Join(group) => json!({"type": "accept", "group": self.groups.outside(*group)}),
            Action::DeclineInvitation(group) => {
                json!({"type": "decline", "group": self.groups.outside(*group)})
            }
            Action::Report(id) => {
                json!({"type": "report", "id": message(*id), "text": "rude"})
            }
            Action::Hide(id) => json!({"type": "delete", "id": message(*id), "for": "me"}),
            Action::Set(place, setting) => {
                let mut frame = self.place("with", *place);
                frame["type"] = json!("conversation.set");
                match setting {
                    Setting::MutedUntil(until) => frame["muted_until"] = json!(until),
                    Setting::Pinned(is) => frame["pinned"] = json!(is),
                    Setting::Archived(is) => frame["archived"] = json!(is),
                    Setting::Unread(is) => frame["unread"] = json!(is),
                }
                frame
            }
            Action::Clear(place) => {
                let mut frame = self.place("with", *place);
                frame["type"] = json!("conversation.clear");
                frame
            }
            Action::Retain(place, days) => {
                let mut frame = self.place("with", *place);
                frame["type"] = json!("retention");
                frame["days"] = json!(days);
                frame
            }
            Action::Create(name, members) => {
                let members: Vec<_> = members.iter().map(|who| account(*who)).collect();
                json!({"type": "group.create", "name": name, "members": members})
            }
            Action::Change(group, change) => {
                let mut frame = match change {
                    Change::Add(who) => json!({"type": "group.add", "member": account(*who)}),
                    Change::Remove(who) => json!({"type": "group.remove", "member": account(*who)}),
                    Change::Rename(name) => json!({"type": "group.rename", "name": name}),
                    Change::Leave => json!({"type": "group.leave"}),
                    Change::Promote(who) => {
                        json!({"type": "group.promote", "member": account(*who)})
                    }
                    Change::Demote(who) => json!({"type": "group.demote", "member": account(*who)}),
                };
                frame["group"] = json!(self.groups.outside(*group));
                frame
            }
        };
        frame["ref"] = json!(reference);
        frame
    }

    /// A conversation, where an account goes by this key.
    pub fn place(&self, key: &str, place: Place) -> Value {
        match place {
            Place::With(who) => json!({key: self.accounts.outside(who)}),
            Place::Group(group) => json!({"group": self.groups.outside(group)}),
        }
    }

    /// EventBody the server has said, in the model's numbers and without what the model does not know.
    pub fn inside(&self, frame: &Value) -> Value {
        let kind = frame["type"].as_str().unwrap_or_default();
        self.turn(frame, matches!(kind, "block" | "unblock" | "accept" | "decline"))
    }

    /// The same, except that messages go by the server's ids.
    pub fn inside_with_ids(&self, frame: &Value) -> Value {
        let mut turned = self.inside(frame);
        if frame["type"] == "message" {
            turned["id"] = frame["id"].clone();
        }
        let pages = turned.get_mut("messages").and_then(Value::as_array_mut);
        let ids = frame["messages"].as_array().into_iter().flatten();
        for (turned, message) in pages.into_iter().flatten().zip(ids) {
            turned["id"] = message["id"].clone();
        }
        turned
    }

    /// `is_account`: what `id` is.
    fn turn(&self, value: &Value, is_account: bool) -> Value {
        let Some(object) = value.as_object() else { return value.clone() };
        let mut turned = Map::new();
        for (key, value) in object {
            let number = value.as_i64();
            let new = match (key.as_str(), number) {
                // Times, own names, sentences for people.
                ("at" | "ref" | "message", _) => continue,
                ("edited_at", Some(_)) if object.contains_key("deleted") => continue,
                ("edited_at", Some(_)) => json!(true),
                ("from" | "to" | "by" | "member" | "with", Some(id)) => self.accounts.inside(id),
                ("id", Some(id)) if is_account => self.accounts.inside(id),
                ("group", Some(id)) => self.groups.inside(id),
                ("id" | "reply_to", Some(id)) => self.messages.inside(id),
                ("activity" | "read" | "delivered" | "delivered_to" | "read_by", Some(id)) => {
                    self.messages.mark(id)
                }
                ("ids", _) => self.each(value, |id| id.as_i64().map(|id| self.accounts.inside(id))),
                ("members", _) => self.each(value, |member| Some(self.turn(member, true))),
                // Those of the same millisecond have no order.
                ("reactions", _) => sorted(&self.each(value, |it| Some(self.turn(it, false)))),
                _ if value.is_array() => self.each(value, |item| Some(self.turn(item, false))),
                _ => self.turn(value, false),
            };
            turned.insert(key.clone(), new);
        }
        Value::Object(turned)
    }

    fn each(&self, list: &Value, turn: impl Fn(&Value) -> Option<Value>) -> Value {
        list.as_array().map(|list| list.iter().filter_map(turn).collect()).unwrap_or_default()
    }
}

fn sorted(reactions: &Value) -> Value {
    let mut reactions = reactions.as_array().cloned().unwrap_or_default();
    reactions.sort_by_key(|it| it["by"].as_i64());
    json!(reactions)
}
