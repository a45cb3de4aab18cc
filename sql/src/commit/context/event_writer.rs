//! Collects the events of a batch, and the rows of `event` that are written at its end.

use std::collections::BTreeSet;

use wire::{AccountId, MessageId, Seq};

use super::super::{CommittedEvent, Outcome};
use super::BatchContext;
use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::entry::{Entry, Message};
use crate::event::{EventBody, EventKind};

impl BatchContext<'_> {
    /// Writes one event to several logs, at positions that [`BatchContext::next_seq`] has given out. `reply_of`: the index of the
    /// submission that the event answers.
    pub(in crate::commit) fn write_event(
        &mut self,
        to: Vec<(AccountId, Seq)>,
        (kind, message, other): (EventKind, Option<MessageId>, Option<AccountId>),
        body: EventBody,
        reply_of: Option<usize>,
    ) {
        for (account, seq) in &to {
            self.add_event_row(*account, *seq, (kind, message, other));
        }
        self.record_event(to, body, reply_of);
    }

    /// As [`BatchContext::write_event`], for a new message. The accounts in `named` get the name of the sender with it.
    pub(in crate::commit) fn write_message_event(
        &mut self,
        to: Vec<(AccountId, Seq)>,
        message: Message,
        named: BTreeSet<AccountId>,
        reply_of: usize,
    ) {
        let (id, from) = (message.id, message.from);
        for (account, seq) in &to {
            let other = named.contains(account).then_some(from);
            self.add_event_row(*account, *seq, (EventKind::Entry, Some(id), other));
        }
        self.record_event(to, EventBody::Entry(Entry::Message(message)), Some(reply_of));
        if !named.is_empty() {
            self.add_names_to_last_event((Some(from), None), named, None);
        }
    }

    fn add_event_row(
        &mut self,
        account: AccountId,
        seq: Seq,
        (kind, message, other): (EventKind, Option<MessageId>, Option<AccountId>),
    ) {
        self.event_rows.push(vec![
            Value::Int(account.0),
            Value::Int(seq.0),
            Value::Int(kind as i64),
            message.map_or(Value::Null, |id| Value::Int(id.0)),
            other.map_or(Value::Null, |id| Value::Int(id.0)),
        ]);
    }

    fn record_event(
        &mut self,
        to: Vec<(AccountId, Seq)>,
        body: EventBody,
        reply_of: Option<usize>,
    ) {
        if let Some(index) = reply_of {
            self.record_outcome(index, Outcome::Done);
        }
        self.committed.push(CommittedEvent::new(body, to, reply_of));
    }

    /// Appends one event to several logs, each at its next position. Deleted accounts have no log and are left out.
    pub(in crate::commit) fn append_event(
        &mut self,
        accounts: impl IntoIterator<Item = AccountId>,
        about: (EventKind, Option<MessageId>, Option<AccountId>),
        body: EventBody,
        reply_of: Option<usize>,
    ) {
        let to =
            accounts.into_iter().filter_map(|account| Some((account, self.next_seq(account)?)));
        let to = to.collect();
        self.write_event(to, about, body, reply_of);
    }

    /// Appends an event about a conversation to the log of the submitter only. The event is the reply to the submission.
    pub(in crate::commit) fn append_own_event(
        &mut self,
        index: usize,
        by: AccountId,
        (kind, conversation): (EventKind, i64),
        body: EventBody,
    ) -> Outcome {
        // In events of these kinds the column `other` contains the conversation.
        self.append_event([by], (kind, None, Some(AccountId(conversation))), body, Some(index));
        Outcome::Done
    }
}

statements! {
    pub(super) static ADD_EVENTS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into event (account, seq, kind, message, other) select * \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) as r(account, seq, \
             kind, message, other)",
        sqlite: "insert or fail into event (account, seq, kind, message, other) values (?1, ?2, ?3, ?4, ?5)",
    });
}
