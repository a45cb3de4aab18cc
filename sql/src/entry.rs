//! The entries of a conversation: messages and changes, rows of `message` in the order of their ids.

use wire::{AccountId, Change, File, GroupId, MessageId, Recipient};

use crate::engine::{Row, Value};
use crate::limit::PAGE_BYTES;
use crate::{Error, Result};

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// The sender.
    pub from: AccountId,
    /// The recipient.
    pub to: Recipient,
    /// Its text; empty once it is deleted.
    pub content: String,
    /// The time at which it was stored, in milliseconds.
    pub at: i64,
    /// Its files; none once it is deleted.
    pub files: Vec<File>,
    /// The message that it replies to.
    pub reply_to: Option<MessageId>,
    /// When its text was last edited, in milliseconds.
    pub edited_at: Option<i64>,
    /// Whether its sender has deleted it.
    pub deleted: bool,
    /// Whether it was a message request: the recipient did not know the sender.
    pub request: bool,
}

/// A change of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// The group.
    pub group: GroupId,
    /// The kind of change.
    pub change: Change,
    /// The account that made the change.
    pub by: AccountId,
    /// The member that it concerns.
    pub member: Option<AccountId>,
    /// The group's name after the change.
    pub name: String,
    /// The time in milliseconds.
    pub at: i64,
}

/// A change of how long a conversation keeps its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The account that made the change.
    pub by: AccountId,
    /// The conversation, addressed like a message of `by`.
    pub to: Recipient,
    /// The number of days; `None`: for ever.
    pub days: Option<i64>,
    /// The time in milliseconds.
    pub at: i64,
}

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A message.
    Message(Message),
    /// A change of the group.
    Change(GroupChange),
    /// A change of the retention.
    Retention(Retention),
}

/// The kinds of entries in the database. The kind of a message is 0; SQL statements and indexes contain this number.
pub(crate) const MESSAGE: i64 = 0;
pub(crate) const RETENTION: i64 = 8;
/// The value of `subject` for a message that belongs to a message request. It is null for other messages.
pub(crate) const REQUEST: i64 = 1;
const CHANGES: [(i64, Change); 9] = [
    (1, Change::Create),
    (2, Change::Add),
    (3, Change::Remove),
    (4, Change::Rename),
    (5, Change::Leave),
    (6, Change::Promote),
    (7, Change::Demote),
    (9, Change::Invite),
    (10, Change::Join),
];

pub(crate) fn kind_of(change: Change) -> i64 {
    let entry = CHANGES.iter().find(|(_, other)| *other == change);
    entry.expect("the table has every change").0
}

/// The columns of an entry, a `message m`, for accounts from which no edit is withheld.
macro_rules! columns {
    () => {
        columns!("m.content", "m.edited_at")
    };
    ($content:literal, $edited_at:literal) => {
        concat!(
            "m.id, m.kind, m.sender, m.recipient, m.conversation, ",
            $content,
            ", m.subject, m.at, m.reply_to, ",
            $edited_at,
            ", m.deleted, m.files"
        )
    };
}
pub(crate) use columns;

/// [`columns`] as one account sees them. [`edits_withheld`] must be joined for it.
macro_rules! columns_seen {
    () => {
        columns!(
            "coalesce(h.content, m.content)",
            "case when h.message is null then m.edited_at else h.edited_at end"
        )
    };
}
pub(crate) use columns_seen;

/// Joins to each `message m` the older text that the account sees because an edit is withheld from it.
macro_rules! edits_withheld {
    ($account:literal) => {
        concat!(" left join withheld_edit h on h.message = m.id and h.account = ", $account, " ")
    };
}
pub(crate) use edits_withheld;

/// The bytes of a `message m`'s text as one account sees it, and of the description of its files. [`edits_withheld`] must
/// be joined for it. Both engines know the length without reading the text.
macro_rules! bytes_seen {
    () => {
        "coalesce(octet_length(h.content), octet_length(m.content), 0) + coalesce(octet_length(m.files), 0)"
    };
}
pub(crate) use bytes_seen;

/// The first rows of `$keys`, in this order, whose texts fit a page: up to the row that exceeds `$bytes`, and one more. The
/// lengths are read before the texts, so texts that do not fit are not read.
macro_rules! page {
    ($keys:expr, account: $account:literal, order: $order:literal, bytes: $bytes:literal) => {
        concat!(
            "(select p.* from (select v.*, coalesce(sum(v.bytes) over (order by v.",
            $order,
            " rows between unbounded preceding and 2 preceding), 0) as bytes_before \
             from (select k.*, ",
            bytes_seen!(),
            " as bytes from (",
            $keys,
            ") k left join message m on m.id = k.message",
            edits_withheld!($account),
            ") v) p where p.bytes_before < ",
            $bytes,
            ")"
        )
    };
}
pub(crate) use page;

/// [`PAGE_BYTES`], for [`page`].
pub(crate) const PAGE: Value<'static> = Value::Int(PAGE_BYTES as i64);

/// Reads [`columns`] that begin at column `first`; `None` if a `left join` found no row.
pub(crate) fn entry(row: &mut Row, first: usize) -> Result<Option<Entry>> {
    let Some(id) = row.maybe_int(first)? else { return Ok(None) };
    let by = AccountId(row.int(first + 2)?);
    let to = match row.maybe_int(first + 3)? {
        Some(account) => Recipient::Account(AccountId(account)),
        None => Recipient::Group(GroupId(row.int(first + 4)?)),
    };
    let content = row.text(first + 5)?;
    let subject = row.maybe_int(first + 6)?;
    let at = row.int(first + 7)?;
    let kind = row.int(first + 1)?;
    Ok(Some(match (kind, to) {
        (MESSAGE, to) => Entry::Message(Message {
            id: MessageId(id),
            from: by,
            to,
            content,
            at,
            files: files(row, first + 11)?,
            reply_to: row.maybe_int(first + 8)?.map(MessageId),
            edited_at: row.maybe_int(first + 9)?,
            deleted: row.int(first + 10)? != 0,
            request: subject == Some(REQUEST),
        }),
        (RETENTION, to) => Entry::Retention(Retention { by, to, days: subject, at }),
        (kind, Recipient::Group(group)) => Entry::Change(GroupChange {
            group,
            change: change(kind)?,
            by,
            member: subject.map(AccountId),
            name: content,
            at,
        }),
        (kind, Recipient::Account(_)) => return Err(unknown(kind)),
    }))
}

fn files(row: &mut Row, column: usize) -> Result<Vec<File>> {
    let Some(text) = row.maybe_text(column)? else { return Ok(Vec::new()) };
    File::read_all(&text)
        .ok_or_else(|| Error::Internal("a message's files are no files".to_owned()))
}

/// As [`entry`], for a row that is a message.
pub(crate) fn message(row: &mut Row, first: usize) -> Result<Message> {
    match entry(row, first)? {
        Some(Entry::Message(message)) => Ok(message),
        _ => Err(Error::Internal("a row is no message".to_owned())),
    }
}

fn change(kind: i64) -> Result<Change> {
    let entry = CHANGES.iter().find(|(number, _)| *number == kind);
    entry.map(|(_, change)| *change).ok_or_else(|| unknown(kind))
}

fn unknown(kind: i64) -> Error {
    Error::Internal(format!("nobody knows an entry of kind {kind}"))
}
