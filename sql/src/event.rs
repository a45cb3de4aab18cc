//! The events of an account's log, and how they are stored.
//!
//! A row of `event` refers to a message, another account, or both. Their content is read from their own tables. So an event that
//! is read late shows the present content, and no event contains a deleted text.

use std::collections::HashMap;

use wire::{AccountId, Change, GroupId, MessageId, Peer, Seq};

use crate::engine::{BatchStatement, Row, Statement, statements};
use crate::entry::{
    Entry, GroupChange, bytes_seen, columns, columns_seen, edits_withheld, entry, page,
};
use crate::history::reaction_has_come;
use crate::{ConversationSettings, Error, Result};

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its position in the log.
    pub seq: Seq,
    /// Its content.
    pub body: EventBody,
    /// The names that are sent with it.
    pub names: EventNames,
}

/// The names of accounts that are sent with an event, since its reader may not know them yet. The account that has caused the event
/// gets none, and no account gets a name that it may not see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventNames {
    /// The name of the sender of a message, or of the author of a change of a group.
    pub by: Option<String>,
    /// The name of the member that a change of a group concerns.
    pub member: Option<String>,
}

/// The accounts whose names may be sent with an event: its author, and the account that it concerns.
pub(crate) type Authors = (Option<AccountId>, Option<AccountId>);

/// The accounts whose names are sent with a change of a group. The name of a member who leaves is known to the members. The name of
/// an invited account is left out, since members may not see the name of a stranger.
pub(crate) fn named_in(change: &GroupChange) -> Authors {
    let is_named = matches!(change.change, Change::Add | Change::Promote | Change::Demote);
    (Some(change.by), change.member.filter(|_| is_named))
}

/// The content of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// A new entry of a conversation.
    Entry(Entry),
    /// A device of `by` has received this message and all earlier ones of its conversation.
    Delivered(Receipt),
    /// `by` has read this message and all earlier ones of its conversation.
    Read(Receipt),
    /// A message was edited.
    Edit {
        /// The message.
        id: MessageId,
        /// The new text.
        content: String,
    },
    /// A message was deleted.
    Delete {
        /// The message.
        id: MessageId,
    },
    /// This account has deleted a message for its own devices.
    Hide {
        /// The message.
        id: MessageId,
    },
    /// A reaction was added, changed or removed.
    React {
        /// The message.
        id: MessageId,
        /// The account that reacts.
        by: AccountId,
        /// The current reaction; `None`: it was removed.
        emoji: Option<String>,
    },
    /// This account has blocked another.
    Block {
        /// The other account.
        id: AccountId,
        /// The time in milliseconds; `None` in an event that is read from the log.
        at: Option<i64>,
    },
    /// This account has unblocked another.
    Unblock {
        /// The other account.
        id: AccountId,
    },
    /// This account has accepted another's message request.
    Accept {
        /// The other account.
        id: AccountId,
    },
    /// This account has declined another's message request.
    Decline {
        /// The other account.
        id: AccountId,
    },
    /// This account has declined an invitation to a group.
    DeclineInvitation {
        /// The group.
        group: GroupId,
    },
    /// This account has changed its settings for a conversation.
    ConversationSet {
        /// The conversation.
        with: Peer,
        /// The settings now.
        settings: ConversationSettings,
    },
    /// This account has hidden all messages that a conversation had.
    ConversationCleared {
        /// The conversation.
        with: Peer,
    },
    /// The event of a message that is no longer stored.
    Expired,
}

/// A receipt: how far an account has received or read a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message.
    pub id: MessageId,
    /// The account that has received or read it.
    pub by: AccountId,
    /// Whether with this receipt all other members of the group have received or read it.
    pub all: bool,
}

/// The kinds of events, by their numbers in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// A new entry. If the event has another account, it is either a message that carries the name of its sender (this account), or
    /// an invitation that this account has repeated, which is only in the log of the invited account.
    Entry = 1,
    Delivered = 2,
    DeliveredToAll = 3,
    Read = 4,
    ReadByAll = 5,
    Edit = 6,
    Delete = 7,
    React = 8,
    Block = 9,
    Unblock = 10,
    Accept = 11,
    Decline = 12,
    /// Refers to the entry of the invitation.
    DeclineInvitation = 13,
    Hide = 14,
    /// Events of this kind and the next have a conversation in the column `other`, where other kinds have an account.
    ConversationSet = 15,
    ConversationCleared = 16,
}

/// Every kind, with its word in an export.
const KINDS: [(EventKind, &str); 16] = [
    (EventKind::Entry, "entry"),
    (EventKind::Delivered, "delivered"),
    (EventKind::DeliveredToAll, "delivered"),
    (EventKind::Read, "read"),
    (EventKind::ReadByAll, "read"),
    (EventKind::Edit, "edit"),
    (EventKind::Delete, "delete"),
    (EventKind::React, "react"),
    (EventKind::Block, "block"),
    (EventKind::Unblock, "unblock"),
    (EventKind::Accept, "accept"),
    (EventKind::Decline, "decline"),
    (EventKind::DeclineInvitation, "decline"),
    (EventKind::Hide, "delete"),
    (EventKind::ConversationSet, "conversation.set"),
    (EventKind::ConversationCleared, "conversation.clear"),
];

impl EventKind {
    fn of(number: i64) -> Result<(Self, &'static str)> {
        let kind = KINDS.iter().find(|(kind, _)| *kind as i64 == number).copied();
        kind.ok_or_else(|| Error::Internal(format!("nobody knows an event of kind {number}")))
    }
}

/// The word of a kind.
pub(crate) fn word(kind: i64) -> Result<&'static str> {
    Ok(EventKind::of(kind)?.1)
}

/// Whether an event of this kind has a conversation in the column `other`.
pub(crate) fn is_of_conversation(kind: i64) -> Result<bool> {
    let (kind, _) = EventKind::of(kind)?;
    Ok(matches!(kind, EventKind::ConversationSet | EventKind::ConversationCleared))
}

/// An event as it is read, before its names and settings are looked up.
pub(crate) struct EventRow {
    pub(crate) event: Event,
    /// For an event about the account's own view of a conversation: the kind of event and the conversation.
    conversation: Option<(EventKind, i64)>,
    named: Authors,
}

impl EventRow {
    /// The conversation whose settings [`EventRow::complete`] needs.
    pub(crate) fn conversation(&self) -> Option<i64> {
        self.conversation.map(|(_, conversation)| conversation)
    }

    /// Removes the names if the log is that of the event's author.
    pub(crate) fn in_log_of(self, account: AccountId) -> Self {
        let named = if self.named.0 == Some(account) { (None, None) } else { self.named };
        Self { named, ..self }
    }

    /// The accounts whose names are sent with it.
    pub(crate) fn named(&self) -> impl Iterator<Item = AccountId> {
        self.named.0.into_iter().chain(self.named.1)
    }

    /// The event in the log of `account`, with its settings and names. It is [`EventBody::Expired`] if its conversation is not among
    /// `settings`.
    pub(crate) fn complete(
        self,
        account: AccountId,
        settings: &HashMap<(AccountId, i64), (Peer, ConversationSettings)>,
        names: &HashMap<(AccountId, AccountId), String>,
    ) -> Event {
        let Self { mut event, conversation, named: (by, member) } = self;
        let name = |id: Option<AccountId>| names.get(&(account, id?)).cloned();
        event.names = EventNames { by: name(by), member: name(member) };
        if let Some((kind, conversation)) = conversation
            && let Some((with, settings)) = settings.get(&(account, conversation)).copied()
        {
            event.body = match kind {
                EventKind::ConversationSet => EventBody::ConversationSet { with, settings },
                _ => EventBody::ConversationCleared { with },
            };
        }
        event
    }
}

/// Reads a row of [`&SELECT`].
pub(crate) fn event(row: &mut Row) -> Result<EventRow> {
    event_at(row, 0)
}

/// Reads the columns of [`&SELECT`], which begin at column `first`.
pub(crate) fn event_at(row: &mut Row, first: usize) -> Result<EventRow> {
    let (seq, (kind, _)) = (Seq(row.int(first)?), EventKind::of(row.int(first + 1)?)?);
    let id = row.maybe_int(first + 2)?.map(MessageId);
    let other = row.maybe_int(first + 3)?.map(AccountId);
    if let (EventKind::ConversationSet | EventKind::ConversationCleared, Some(conversation)) =
        (kind, other)
    {
        let event = Event { seq, body: EventBody::Expired, names: EventNames::default() };
        let conversation = Some((kind, conversation.0));
        return Ok(EventRow { event, conversation, named: (None, None) });
    }
    let emoji = row.maybe_text(first + 4)?;
    let about = entry(row, first + 5)?;
    let body = match (kind, id, other, about) {
        (EventKind::Entry, _, Some(by), Some(Entry::Change(change))) => {
            EventBody::Entry(Entry::Change(GroupChange { by, ..change }))
        }
        (EventKind::Entry, _, _, Some(entry)) => EventBody::Entry(entry),
        (EventKind::Delivered | EventKind::DeliveredToAll, Some(id), Some(by), _) => {
            EventBody::Delivered(Receipt { id, by, all: kind == EventKind::DeliveredToAll })
        }
        (EventKind::Read | EventKind::ReadByAll, Some(id), Some(by), _) => {
            EventBody::Read(Receipt { id, by, all: kind == EventKind::ReadByAll })
        }
        (EventKind::Edit, Some(id), _, Some(Entry::Message(message))) => {
            EventBody::Edit { id, content: message.content }
        }
        (EventKind::Delete, Some(id), ..) => EventBody::Delete { id },
        (EventKind::Hide, Some(id), ..) => EventBody::Hide { id },
        (EventKind::React, Some(id), Some(by), Some(_)) => EventBody::React { id, by, emoji },
        (EventKind::Block, _, Some(id), _) => EventBody::Block { id, at: None },
        (EventKind::Unblock, _, Some(id), _) => EventBody::Unblock { id },
        (EventKind::Accept, _, Some(id), _) => EventBody::Accept { id },
        (EventKind::Decline, None, Some(id), _) => EventBody::Decline { id },
        (EventKind::DeclineInvitation, .., Some(Entry::Change(GroupChange { group, .. }))) => {
            EventBody::DeclineInvitation { group }
        }
        _ => EventBody::Expired,
    };
    let named = match &body {
        EventBody::Entry(Entry::Message(_)) => (other, None),
        EventBody::Entry(Entry::Change(change)) => named_in(change),
        _ => (None, None),
    };
    let event = Event { seq, body, names: EventNames::default() };
    Ok(EventRow { event, conversation: None, named })
}

/// The columns of an event and of its subject, for the page of the account's events after `$since`. The page is
/// selected first, and a reaction is looked up only for events about one. Otherwise PostgreSQL would join the whole
/// rest of the log, and read all reactions, for each page. The rows have no order, because SQLite would sort the texts
/// as well. The entry up to which the account has cleared a conversation is looked up row by row, since PostgreSQL may read
/// all members for a join.
macro_rules! select_page {
    (account: $account:literal, after: $after:literal, limit: $limit:literal, bytes: $bytes:literal) => {
        concat!(
            "select e.seq, e.kind, e.message, e.other, (select x.emoji from reaction x where e.kind = 8 \
             and x.message = e.message and x.account = e.other and ",
            reaction_has_come!("e.account"),
            "), ",
            columns_seen!(),
            " from ",
            page!(
                concat!(
                    "select account, seq, kind, message, other from event where account = ",
                    $account,
                    " and ",
                    $after,
                    " order by seq limit ",
                    $limit
                ),
                account: "k.account",
                order: "seq",
                bytes: $bytes
            ),
            " e left join withheld w on w.message = e.message and w.account = e.account \
             left join message m on m.id = e.message and w.message is null and (m.kind <> 0 or m.id > \
             coalesce((select s.cleared from member s where s.conversation = m.conversation \
             and s.account = e.account), 0))",
            edits_withheld!("e.account"),
        )
    };
}

statements! {
    pub(crate) static SELECT: Statement = Statement::both(
        select_page!(account: "$1", after: "seq > $2", limit: "$3", bytes: "$4")
    );

    /// A page of each of several logs, up to a position: the account stands before the columns of [`SELECT`]. PostgreSQL reads
    /// each page on its own, by the log's index, whatever it expects of the others.
    pub(crate) static SELECT_OF_EACH: BatchStatement = BatchStatement::of(Statement {
        postgres: concat!(
            "select r.account, p.* from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) \
             as r(account, since, upto, bytes) cross join lateral (",
            select_page!(
                account: "r.account", after: "seq > r.since and seq <= r.upto", limit: "128", bytes: "r.bytes"
            ),
            ") p"
        ),
        sqlite: concat!(
            "select ?1, p.* from (",
            select_page!(
                account: "?1", after: "seq > ?2 and seq <= ?3", limit: "128", bytes: "?4"
            ),
            ") p"
        ),
    });
}
