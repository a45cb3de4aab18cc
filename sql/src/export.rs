//! All that is kept about an account, page by page: whoever writes it out needs memory for one page.
//!
//! A page begins after the last item of the page before; an empty one is the end. Pages are read one by one, so what
//! changes meanwhile may be in the export or not.

use wire::{AccountId, MessageId, Seq, SessionId};

use crate::engine::Value;
use crate::session::session;
use crate::{Result, Session, Store};

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMessage {
    /// Its number.
    pub id: MessageId,
    /// Who sent it.
    pub from: AccountId,
    /// Who was to have it.
    pub to: AccountId,
    /// Its text.
    pub content: String,
    /// When it was taken, in milliseconds.
    pub at: i64,
    /// The sender's name for it; only for the sender.
    pub reference: Option<String>,
}

/// An entry of a log as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its place.
    pub seq: Seq,
    /// The number of its kind; 1 is a message.
    pub kind: i64,
    /// The message it is about.
    pub message: Option<MessageId>,
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The last event.
    pub head: Seq,
    /// The last acknowledged event.
    pub acknowledged: Seq,
    /// Events up to this one are no longer kept.
    pub forgotten: Seq,
}

impl Store {
    /// Up to `limit` of the account's sessions after number `after`, those included that have ended but not been swept.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn kept_sessions(
        &self,
        account: AccountId,
        after: SessionId,
        limit: i64,
    ) -> Result<Vec<Session>> {
        let sql = "select id, account, device, created_at, seen_at, expires_at from session \
                   where account = $1 and id > $2 order by id limit $3";
        self.read(sql, &[Value::Int(account.0), Value::Int(after.0), Value::Int(limit)], session)
    }

    /// Up to `limit` of the conversations that the account takes part in, after number `after`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn kept_conversations(
        &self,
        account: AccountId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<i64>> {
        let sql = "select id from conversation where (low = $1 or high = $1) and id > $2 \
                   order by id limit $3";
        let params = [Value::Int(account.0), Value::Int(after), Value::Int(limit)];
        self.read(sql, &params, |row| row.int(0))
    }

    /// Up to `limit` messages of a conversation after number `after`, as `account` may see them.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn kept_messages(
        &self,
        account: AccountId,
        conversation: i64,
        after: MessageId,
        limit: i64,
    ) -> Result<Vec<KeptMessage>> {
        let sql = "select id, sender, recipient, content, at, \
                   case when sender = $1 then ref end from message \
                   where conversation = $2 and (sender = $1 or recipient = $1) and id > $3 \
                   order by id limit $4";
        let (account, after) = (Value::Int(account.0), Value::Int(after.0));
        self.read(sql, &[account, Value::Int(conversation), after, Value::Int(limit)], |row| {
            Ok(KeptMessage {
                id: MessageId(row.int(0)?),
                from: AccountId(row.int(1)?),
                to: AccountId(row.int(2)?),
                content: row.text(3)?,
                at: row.int(4)?,
                reference: row.maybe_text(5)?,
            })
        })
    }

    /// Where the account's log stands; nothing if the account is deleted.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn log_state(&self, account: AccountId) -> Result<Option<LogState>> {
        let sql = "select head, acknowledged, forgotten from log where account = $1";
        let mut states = self.read(sql, &[Value::Int(account.0)], |row| {
            Ok(LogState {
                head: Seq(row.int(0)?),
                acknowledged: Seq(row.int(1)?),
                forgotten: Seq(row.int(2)?),
            })
        })?;
        Ok(states.pop())
    }

    /// Up to `limit` events of the account's log after `after`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn kept_events(
        &self,
        account: AccountId,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<KeptEvent>> {
        let sql = "select seq, kind, message from event where account = $1 and seq > $2 \
                   order by seq limit $3";
        self.read(sql, &[Value::Int(account.0), Value::Int(after.0), Value::Int(limit)], |row| {
            let message = row.maybe_int(2)?.map(MessageId);
            Ok(KeptEvent { seq: Seq(row.int(0)?), kind: row.int(1)?, message })
        })
    }
}
