//! Everything that is stored about an account, in pages, so that an export needs memory for one page only.
//!
//! A page begins after the last item of the page before. An empty page is the end. Pages are read one by one, so a change that happens
//! meanwhile may be in the export or not.

use std::collections::BTreeMap;

use wire::{AccountId, MessageId, Peer, Role, Seq, SessionId};

use crate::conversation::{activity, name_and_days, role, with};
use crate::engine::{Statement, Value, statements};
use crate::entry::{Entry, PAGE, bytes_seen, columns, columns_seen, edits_withheld, entry, page};
use crate::event::{is_of_conversation, word};
use crate::session::session;
use crate::{ConversationSettings, Privacy, Reader, Result, Session, Store};

/// A conversation as it is stored for one of its accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedConversation {
    /// Its number.
    pub number: i64,
    /// The other account or the group.
    pub with: Peer,
    /// The group's name, as far as the account knows it; `None` for a conversation of two.
    pub name: Option<String>,
    /// The account's role in the group; `None` for a conversation of two, or once it has left.
    pub role: Option<Role>,
    /// The entry with which the account joined the group. It sees later entries only. 0 for a conversation of two.
    pub since: MessageId,
    /// The entry with which the account left the group, which is the last one that it sees.
    pub until: Option<MessageId>,
    /// The last message that its devices have received.
    pub delivered: MessageId,
    /// The last message that it has read.
    pub read: MessageId,
    /// For how many days messages are kept; `None`: for ever, or the account has left.
    pub days: Option<i64>,
    /// The account whose message request waits for an answer: this account or the other one.
    pub asker: Option<AccountId>,
    /// Whether this account has declined the other account's message request.
    pub is_declined: bool,
    /// The account's settings for it.
    pub settings: ConversationSettings,
    /// The last entry that the account has cleared: it sees later messages only.
    pub cleared: MessageId,
}

/// An entry of a conversation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedEntry {
    /// Its number.
    pub id: MessageId,
    /// The message or the change.
    pub entry: Entry,
    /// The sender's `ref`; only for the sender.
    pub reference: Option<String>,
    /// Whether the account has deleted or cleared it for its own devices.
    pub is_hidden: bool,
}

/// A reaction as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedReaction {
    /// The message.
    pub id: MessageId,
    /// The reaction.
    pub emoji: String,
    /// The time in milliseconds.
    pub at: i64,
}

/// A block as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportedBlock {
    /// The blocked account.
    pub id: AccountId,
    /// The time of the block, in milliseconds.
    pub at: i64,
}

/// An event of a log as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportedEvent {
    /// Its position in the log.
    pub seq: Seq,
    /// The word for its kind.
    pub kind: &'static str,
    /// The message it is about.
    pub message: Option<MessageId>,
    /// The other account it is about.
    pub other: Option<AccountId>,
    /// The conversation it is about, for the kinds of events that are about a conversation.
    pub with: Option<Peer>,
}

/// A file, for the export of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type, as its owner says.
    pub kind: String,
    /// Its length, in bytes.
    pub size: i64,
    /// The number of bytes that were received.
    pub received: i64,
    /// The time at which the upload began, in milliseconds.
    pub created_at: i64,
}

/// The state of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The last event.
    pub head: Seq,
    /// The last acknowledged event.
    pub acknowledged: Seq,
    /// Events up to this one are no longer stored.
    pub forgotten: Seq,
    /// The bytes of text and files that it has sent and that are kept.
    pub stored: i64,
    /// The overhead that counts for its quota, in bytes: the space that the database needs beyond text and files.
    pub overhead: i64,
    /// The time at which the account's last connection ended, in milliseconds; `None` if it never had one.
    pub last_seen: Option<i64>,
    /// Its privacy settings.
    pub privacy: Privacy,
}

impl Store {
    /// Up to `limit` of the account's sessions after number `after`, including expired ones that are not deleted yet.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_sessions(
        &self,
        account: AccountId,
        after: SessionId,
        limit: i64,
    ) -> Result<Vec<Session>> {
        self.read(
            account,
            &SESSIONS,
            &[Value::Int(account.0), Value::Int(after.0), Value::Int(limit)],
            session,
        )
    }

    /// Up to `limit` of the present and former conversations of the account, after number `after`. Conversations of which a block
    /// withholds every entry are left out.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_conversations<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ExportedConversation>> {
        let reader = reader.into();
        let account = reader.account;
        let params = [account.0, after, limit].map(Value::Int);
        self.read(reader, &CONVERSATIONS, &params, |row| {
            let (number, people) = (row.int(0)?, (row.maybe_int(1)?, row.maybe_int(2)?));
            let until = row.maybe_int(5)?.map(MessageId);
            let is_member = people.0.is_none() && until.is_none();
            Ok(ExportedConversation {
                number,
                with: with(account, number, people),
                name: row.maybe_text(8)?,
                role: if is_member { Some(role(row.int(3)?)) } else { None },
                since: MessageId(row.int(4)?),
                until,
                delivered: MessageId(row.int(6)?),
                read: MessageId(row.int(7)?),
                days: row.maybe_int(9)?,
                asker: row.maybe_int(10)?.map(AccountId),
                is_declined: row.int(11)? != 0,
                settings: ConversationSettings::of(row, 12)?,
                cleared: MessageId(row.int(16)?),
            })
        })
    }

    /// Up to `limit` entries of a conversation after number `after`, as the account may see them. If their texts are longer than
    /// [`PAGE_BYTES`](crate::PAGE_BYTES), only the first of them, at least one.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_entries<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        conversation: i64,
        after: MessageId,
        limit: i64,
    ) -> Result<Vec<ExportedEntry>> {
        let reader = reader.into();
        let [one, two, three, four] =
            [reader.account.0, conversation, after.0, limit].map(Value::Int);
        let params = [one, two, three, four, PAGE];
        let entries = self.read(reader, &ENTRIES, &params, |row| {
            let (reference, is_hidden) = (row.maybe_text(0)?, row.int(1)? != 0);
            let id = MessageId(row.int(2)?);
            Ok(entry(row, 2)?.map(|entry| ExportedEntry { id, entry, reference, is_hidden }))
        })?;
        let mut entries: Vec<_> = entries.into_iter().flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.id);
        Ok(entries)
    }

    /// Up to `limit` of the account's reactions, to messages after number `after`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_reactions<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        after: MessageId,
        limit: i64,
    ) -> Result<Vec<ExportedReaction>> {
        let reader = reader.into();
        self.read(
            reader,
            &REACTIONS,
            &[Value::Int(reader.account.0), Value::Int(after.0), Value::Int(limit)],
            |row| {
                Ok(ExportedReaction {
                    id: MessageId(row.int(0)?),
                    emoji: row.text(1)?,
                    at: row.int(2)?,
                })
            },
        )
    }

    /// The accounts that the account has blocked, at most [`wire::limit::BLOCKS_MAX`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_blocks(&self, account: AccountId) -> Result<Vec<ExportedBlock>> {
        self.read(account, &BLOCKS, &[Value::Int(account.0)], |row| {
            Ok(ExportedBlock { id: AccountId(row.int(0)?), at: row.int(1)? })
        })
    }

    /// Up to `limit` of the account's files after this id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_files(
        &self,
        account: AccountId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ExportedFile>> {
        let params = [Value::Int(account.0), Value::Text(after), Value::Int(limit)];
        self.read(account, &FILES, &params, |row| {
            let (id, name, kind) = (row.text(0)?, row.text(1)?, row.text(2)?);
            let (size, received, created_at) = (row.int(3)?, row.int(4)?, row.int(5)?);
            Ok(ExportedFile { id, name, kind, size, received, created_at })
        })
    }

    /// The state of the account's log; `None` if the account is deleted.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn log_state(&self, account: AccountId) -> Result<Option<LogState>> {
        let mut states = self.read(account, &LOG_STATE, &[Value::Int(account.0)], |row| {
            Ok(LogState {
                head: Seq(row.int(0)?),
                acknowledged: Seq(row.int(1)?),
                forgotten: Seq(row.int(2)?),
                stored: row.int(4)?,
                overhead: row.int(5)?,
                last_seen: row.maybe_int(3)?,
                privacy: Privacy::of(row, 6)?,
            })
        })?;
        Ok(states.pop())
    }

    /// Up to `limit` events of the account's log after `after`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn exported_events<'a>(
        &self,
        reader: impl Into<Reader<'a>>,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<ExportedEvent>> {
        let reader = reader.into();
        let account = reader.account;
        let params = [account.0, after.0, limit].map(Value::Int);
        let mut conversations = BTreeMap::new();
        let mut events = self.read(reader, &EVENTS, &params, |row| {
            let (seq, number) = (Seq(row.int(0)?), row.int(1)?);
            let (message, other) = (row.maybe_int(2)?.map(MessageId), row.maybe_int(3)?);
            let is_own = is_of_conversation(number)?;
            conversations.extend(other.filter(|_| is_own).map(|conversation| (seq, conversation)));
            let (kind, other) = (word(number)?, other.filter(|_| !is_own).map(AccountId));
            Ok(ExportedEvent { seq, kind, message, other, with: None })
        })?;
        let own = conversations.values().map(|conversation| (account, *conversation));
        let settings = self.settings(reader, own.collect())?;
        for event in &mut events {
            let conversation = conversations.get(&event.seq).map(|it| (account, *it));
            let found = conversation.and_then(|conversation| settings.get(&conversation));
            event.with = found.map(|(with, _)| *with);
        }
        Ok(events)
    }
}

statements! {
    static SESSIONS: Statement = Statement::both(
        "select id, account, device, created_at, seen_at, expires_at from session where account = $1 \
         and id > $2 order by id limit $3"
    );

    /// `c.id > $2` follows from the other conditions, but without it PostgreSQL walks through all conversations before the page.
    static CONVERSATIONS: Statement = Statement::both(
        concat!(
            "select c.id, c.low, c.high, s.role, s.since, s.until, s.delivered, s.read, ",
            name_and_days!(),
            ", c.asker, case when c.declined = 1 and c.asker <> s.account then 1 else 0 end, s.muted_until, s.pinned, s.archived, \
             s.marked_unread, s.cleared from member s \
             join conversation c on c.id = s.conversation where s.account = $1 and s.conversation > $2 \
             and c.id > $2 and (",
            activity!(),
            " is not null or (select h.message from withheld h where h.account = s.account \
             and h.conversation = s.conversation and h.hidden = 1 limit 1) is not null) order by s.conversation limit $3",
        )
    );

    static ENTRIES: Statement = Statement::both(
        concat!(
            "select case when m.sender = $1 then m.ref end, e.hidden, ",
            columns_seen!(),
            " from ",
            page!(
                "select e.message, s.account, case when (e.message <= s.cleared and e.kind = 0) or (select h.hidden \
                 from withheld h where h.message = e.message and h.account = s.account) = 1 then 1 else 0 end as hidden \
                 from member s cross join entry e where s.account = $1 \
                 and s.conversation = $2 and e.conversation = $2 and e.message > $3 and (e.sender = $1 \
                 or (e.message >= s.since and (s.until is null or e.message <= s.until))) and not exists \
                 (select 1 from withheld w where w.message = e.message and w.account = $1 and w.hidden = 0) \
                 order by e.message limit $4",
                account: "k.account",
                order: "message",
                bytes: "$5"
            ),
            " e join message m on m.id = e.message",
            edits_withheld!("e.account"),
        )
    );

    static REACTIONS: Statement = Statement::both(
        "select message, emoji, at from reaction where account = $1 and message > $2 order by message limit $3"
    );

    static BLOCKS: Statement = Statement::both("select blocked, at from block where account = $1 order by blocked");

    static FILES: Statement = Statement::both(
        "select id, name, type, size, received, created_at from file where owner = $1 and id > $2 order by id limit $3"
    );

    static LOG_STATE: Statement = Statement::both(
        "select head, acknowledged, forgotten, seen_at, stored, overhead, shows_last_seen, shows_read from log where account = $1"
    );

    static EVENTS: Statement = Statement::both(
        "select seq, kind, message, other from event where account = $1 and seq > $2 order by seq limit $3"
    );
}
