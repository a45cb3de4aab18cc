//! What an account must not miss: the kinds of events in its log, and how each is kept.
//!
//! A row of `event` names a message or another account, or both; everything else is read from where it is kept. So an
//! event that is read back late shows what it is about as it is now, and what was deleted is nowhere.

use wire::{AccountId, GroupId, MessageId, Seq};

use crate::engine::Row;
use crate::entry::{
    Entry, GroupChange, bytes_seen, columns, columns_seen, edits_withheld, entry, page,
};
use crate::history::reaction_has_come;
use crate::{Error, Result};

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the log.
    pub seq: Seq,
    /// What happened.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something was said or done in a conversation.
    Entry(Entry),
    /// `by`'s devices have this message and all before it in its conversation.
    Delivered(Receipt),
    /// `by` has read this message and all before it in its conversation.
    Read(Receipt),
    /// A message has another text.
    Edit {
        /// The message.
        id: MessageId,
        /// Its text now.
        content: String,
    },
    /// A message's text is gone.
    Delete {
        /// The message.
        id: MessageId,
    },
    /// A reaction has come, changed or gone.
    React {
        /// The message.
        id: MessageId,
        /// Whose reaction.
        by: AccountId,
        /// What it is now.
        emoji: Option<String>,
    },
    /// This account has blocked another.
    Block {
        /// The other.
        id: AccountId,
        /// When, in milliseconds; nothing if it is read from the log.
        at: Option<i64>,
    },
    /// This account has unblocked another.
    Unblock {
        /// The other.
        id: AccountId,
    },
    /// This account has accepted another's message request.
    Accept {
        /// The other.
        id: AccountId,
    },
    /// This account has declined another's message request.
    Decline {
        /// The other.
        id: AccountId,
    },
    /// This account has declined an invitation.
    DeclineInvitation {
        /// The group.
        group: GroupId,
    },
    /// It was about a message that is no longer kept.
    Expired,
}

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message.
    pub id: MessageId,
    /// Who.
    pub by: AccountId,
    /// Whether all others in the group have come so far now.
    pub all: bool,
}

/// A kind of event as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With another account: the same change, made again by this one, of which only the log's account hears.
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
    /// Of the entry that invited.
    DeclineInvitation = 13,
}

/// Every kind, with its word in an export.
const KINDS: [(Kind, &str); 13] = [
    (Kind::Entry, "entry"),
    (Kind::Delivered, "delivered"),
    (Kind::DeliveredToAll, "delivered"),
    (Kind::Read, "read"),
    (Kind::ReadByAll, "read"),
    (Kind::Edit, "edit"),
    (Kind::Delete, "delete"),
    (Kind::React, "react"),
    (Kind::Block, "block"),
    (Kind::Unblock, "unblock"),
    (Kind::Accept, "accept"),
    (Kind::Decline, "decline"),
    (Kind::DeclineInvitation, "decline"),
];

impl Kind {
    fn of(number: i64) -> Result<(Self, &'static str)> {
        let kind = KINDS.iter().find(|(kind, _)| *kind as i64 == number).copied();
        kind.ok_or_else(|| Error::Broken(format!("nobody knows an event of kind {number}")))
    }
}

/// The word of a kind.
pub(crate) fn word(kind: i64) -> Result<&'static str> {
    Ok(Kind::of(kind)?.1)
}

/// The columns of an event and of what it is about. The page of events comes first, and a reaction is looked up only for
/// events that are about one: else PostgreSQL joins the whole rest of the log, and reads all reactions, for each page. In no
/// order: SQLite would sort the texts as well.
pub(crate) const SELECT: &str = concat!(
    "select e.seq, e.kind, e.message, e.other, \
     (select x.emoji from reaction x where e.kind = 8 and x.message = e.message and x.account = e.other and ",
    reaction_has_come!("e.account"),
    "), ",
    columns_seen!(),
    " from ",
    page!(
        "select account, seq, kind, message, other from event \
         where account = $1 and seq > $2 order by seq limit $3",
        account: "k.account", order: "seq", bytes: "$4"
    ),
    " e left join withheld w on w.message = e.message and w.account = e.account \
     left join message m on m.id = e.message and w.message is null",
    edits_withheld!("e.account")
);

/// Reads a row of [`SELECT`].
pub(crate) fn event(row: &mut Row) -> Result<Event> {
    let (seq, (kind, _)) = (Seq(row.int(0)?), Kind::of(row.int(1)?)?);
    let (id, other) = (row.maybe_int(2)?.map(MessageId), row.maybe_int(3)?.map(AccountId));
    let emoji = row.maybe_text(4)?;
    let about = entry(row, 5)?;
    let what = match (kind, id, other, about) {
        (Kind::Entry, _, Some(by), Some(Entry::Change(change))) => {
            What::Entry(Entry::Change(GroupChange { by, ..change }))
        }
        (Kind::Entry, _, _, Some(entry)) => What::Entry(entry),
        (Kind::Delivered | Kind::DeliveredToAll, Some(id), Some(by), _) => {
            What::Delivered(Receipt { id, by, all: kind == Kind::DeliveredToAll })
        }
        (Kind::Read | Kind::ReadByAll, Some(id), Some(by), _) => {
            What::Read(Receipt { id, by, all: kind == Kind::ReadByAll })
        }
        (Kind::Edit, Some(id), _, Some(Entry::Message(message))) => {
            What::Edit { id, content: message.content }
        }
        (Kind::Delete, Some(id), ..) => What::Delete { id },
        (Kind::React, Some(id), Some(by), Some(_)) => What::React { id, by, emoji },
        (Kind::Block, _, Some(id), _) => What::Block { id, at: None },
        (Kind::Unblock, _, Some(id), _) => What::Unblock { id },
        (Kind::Accept, _, Some(id), _) => What::Accept { id },
        (Kind::Decline, None, Some(id), _) => What::Decline { id },
        (Kind::DeclineInvitation, .., Some(Entry::Change(GroupChange { group, .. }))) => {
            What::DeclineInvitation { group }
        }
        _ => What::Expired,
    };
    Ok(Event { seq, what })
}
