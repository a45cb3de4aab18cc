//! How far somebody has come, and who is told.

use std::collections::BTreeMap;

use serde_json::json;

use super::op::{Id, Who};
use super::rule::{Answer, NOT_FOUND};
use super::state::{EventBody, Key, Membership, Model};

impl Model {
    pub(super) fn received(&mut self, by: Who, seq: i64) -> Answer {
        let account = &self.accounts[&by];
        let (from, upto) = (account.acknowledged, seq.min(self.head(by)));
        let mut news = Vec::new();
        for event in account.log.iter().take(upto as usize).skip(from as usize) {
            let (EventBody::Message(id) | EventBody::NamedMessage(id)) = event.what else {
                continue;
            };
            let message = &self.messages[&id];
            if id > self.talks[&message.talk].seats[&by].delivered
                && !message.withheld.contains(&by)
            {
                news.push(id);
            }
        }
        self.account_mut(by).acknowledged = from.max(upto);
        // Only what others say moves anybody on.
        news.retain(|id| self.is_told(by, *id));
        for id in &news {
            let seat = self.seat_mut(by, self.messages[id].talk);
            seat.delivered = seat.delivered.max(*id);
        }
        self.receipts(by, "delivered", &news, |(delivered, _)| delivered);
        Ok(json!({"type": "ok"}))
    }

    pub(super) fn read(&mut self, by: Who, id: Id) -> Answer {
        if !self.sees(by, id) {
            return Err(NOT_FOUND);
        }
        let key = self.messages[&id].talk;
        let hides = self.accounts[&by].hides_read;
        let seat = self.seat_mut(by, key);
        let was_marked = std::mem::take(&mut seat.settings.marked_unread);
        if seat.read >= id && !was_marked {
            return Ok(json!({"type": "ok"}));
        }
        let from = seat.shown_read();
        if hides {
            seat.read_hidden = Some(from);
        } else if seat.read <= id {
            seat.read_hidden = None;
        }
        seat.read = seat.read.max(id);
        self.append_event(by, EventBody::Fixed(json!({"type": "read", "id": id, "by": by})));
        let answer = self.done(by);
        if !hides && self.talks[&key].seat(by).is_some() {
            let is_news = |it: &Id| *it > from && *it <= id && self.messages.contains_key(it);
            let mut news: Vec<Id> =
                self.talks[&key].entries.iter().copied().filter(is_news).collect();
            let sees = |it: &Id| !self.accounts[&self.messages[it].from].hides_read;
            news.retain(|it| self.has(by, *it) && self.is_told(by, *it) && sees(it));
            self.receipts(by, "read", &news, |(_, read)| read);
        }
        answer
    }

    /// Whether who sent this message is told how far `by` has come.
    fn is_told(&self, by: Who, id: Id) -> bool {
        let from = self.messages[&id].from;
        from != by && !self.has_blocked(from, by) && !self.has_blocked(by, from)
    }

    /// `by` has come to these messages: the last one of each sender in each conversation stands for all before it.
    fn receipts(&mut self, by: Who, kind: &str, news: &[Id], mark: fn((Id, Id)) -> Id) {
        let mut last = BTreeMap::new();
        for id in news {
            let message = &self.messages[id];
            let last = last.entry((message.talk, message.from)).or_insert(*id);
            *last = (*last).max(*id);
        }
        let mut last: Vec<_> = last.into_iter().map(|((key, from), id)| (id, key, from)).collect();
        last.sort_unstable();
        for (id, key, from) in last {
            let talk = &self.talks[&key];
            // Who waits for an answer is not told yet.
            if talk.seat(from).is_none() || talk.asker == Some(from) {
                continue;
            }
            let withheld = &self.messages[&id].withheld;
            let has_come = |(who, seat): (Who, &Membership)| {
                let came = mark(self.progress(from, who, key)) >= id;
                who == from || (came && !(seat.covers(id) && withheld.contains(&who)))
            };
            let mut frame = json!({"type": kind, "id": id, "by": by});
            if matches!(key, Key::Group(_)) && talk.present().all(has_come) {
                frame["all"] = json!(true);
            }
            self.append_event(from, EventBody::Fixed(frame));
        }
    }
}
