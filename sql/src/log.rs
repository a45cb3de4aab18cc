//! An account's log, read back.

use wire::{AccountId, MessageId, Seq, SessionId, TokenHash};

use crate::engine::{Engine, Value};
use crate::{Result, Store};

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message, sent or received.
    Message {
        /// Its place in the log.
        seq: Seq,
        /// The message.
        id: MessageId,
        /// Who sent it.
        from: AccountId,
        /// Who was to have it.
        to: AccountId,
        /// Its text.
        content: String,
        /// When it was taken, in milliseconds.
        at: i64,
    },
}

impl Event {
    /// The event's place in the log.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message { seq, .. } => *seq,
        }
    }
}

/// Who a session speaks for, and where its account's log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The session.
    pub session: SessionId,
    /// The account.
    pub account: AccountId,
    /// When it was last written down that the session is in use, in milliseconds.
    pub seen_at: i64,
    /// The account's name.
    pub name: String,
    /// The last event.
    pub head: Seq,
    /// The last acknowledged event.
    pub acknowledged: Seq,
    /// Events up to this one are no longer kept.
    pub forgotten: Seq,
}

impl Store {
    /// Where the log stands of the account that a live session with this token speaks for.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn place(&self, token: &TokenHash, now: i64) -> Result<Option<Place>> {
        let sql = "select s.id, s.account, a.name, l.head, l.acknowledged, l.forgotten, s.seen_at from session s \
                   join account a on a.id = s.account join log l on l.account = s.account \
                   where s.token_hash = $1 and s.expires_at > $2";
        let mut places = self.read(sql, &[Value::Bytes(&token.0), Value::Int(now)], |row| {
            Ok(Place {
                session: SessionId(row.int(0)?),
                account: AccountId(row.int(1)?),
                name: row.text(2)?,
                head: Seq(row.int(3)?),
                acknowledged: Seq(row.int(4)?),
                forgotten: Seq(row.int(5)?),
                seen_at: row.int(6)?,
            })
        })?;
        Ok(places.pop())
    }

    /// Up to `limit` events after `since`, in order.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn events(&self, account: AccountId, since: Seq, limit: usize) -> Result<Vec<Event>> {
        let sql = "select e.seq, m.id, m.sender, m.recipient, m.content, m.at from event e \
                   join message m on m.id = e.message \
                   where e.account = $1 and e.seq > $2 order by e.seq limit $3";
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        self.read(sql, &[Value::Int(account.0), Value::Int(since.0), limit], |row| {
            Ok(Event::Message {
                seq: Seq(row.int(0)?),
                id: MessageId(row.int(1)?),
                from: AccountId(row.int(2)?),
                to: AccountId(row.int(3)?),
                content: row.text(4)?,
                at: row.int(5)?,
            })
        })
    }

    /// The last event of an account's log, waiting for whoever is adding to it just now; `None` if there is no such account.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], also if the wait is too long.
    pub fn head(&self, account: AccountId) -> Result<Option<Seq>> {
        let sql = "select head from log where account = $1 {lock}";
        let head =
            |engine: &mut dyn Engine| match engine.run(sql, &[Value::Int(account.0)])?.first() {
                Some(row) => Ok(Some(Seq(row.int(0)?))),
                None => Ok(None),
            };
        self.write_messages(head)
    }
}
