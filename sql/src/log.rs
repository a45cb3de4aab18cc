//! Reading an account's log.

use std::collections::{BTreeSet, HashMap};

use wire::{AccountId, Peer, Seq, SessionId, TokenHash};

use crate::conversation::with;
use crate::engine::{BatchStatement, Row, Rows, Statement, Value, for_each_row, statements};
use crate::entry::PAGE;
use crate::event::{self, Event, EventRow};
use crate::limit::PAGE_BYTES;
use crate::pool::Requester;
use crate::read::Source;
use crate::{ConversationSettings, Result, Store, Ticket};

/// A session's account and the position of the account's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// The session.
    pub session: SessionId,
    /// The account.
    pub account: AccountId,
    /// The time until which the session is recorded as in use, in milliseconds.
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

/// Events of a log that are to be read: those after `since`, up to `upto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The log's account.
    pub account: AccountId,
    /// The last event before the gap.
    pub since: Seq,
    /// The last event of the gap.
    pub upto: Seq,
}

impl Store {
    /// The account of a live session with this token, and the position of its log.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn log_position(&self, token: &TokenHash, now: i64) -> Result<Option<LogPosition>> {
        let params = [Value::Bytes(&token.0), Value::Int(self.clock.trusted_by(now))];
        let found = self.read(self.tokens.requester(token), &POSITION, &params, position)?.pop();
        self.tokens.note(token, found.as_ref().map(|position| position.account));
        Ok(found)
    }

    /// As [`Store::log_position`], for the session of a ticket that was used.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn log_position_of(&self, ticket: Ticket, now: i64) -> Result<Option<LogPosition>> {
        let params = [Value::Int(ticket.session.0), Value::Int(self.clock.trusted_by(now))];
        Ok(self.read(ticket.account, &POSITION_OF_SESSION, &params, position)?.pop())
    }

    /// Up to `limit` events after `since`, in their order. If their texts are longer than [`PAGE_BYTES`](crate::PAGE_BYTES), only the
    /// first of them, at least one. The result is empty only at the end of the log.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn events(&self, account: AccountId, since: Seq, limit: usize) -> Result<Vec<Event>> {
        let limit = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let params = [Value::Int(account.0), Value::Int(since.0), limit, PAGE];
        let rows = self.read(account, &event::SELECT, &params, event::event)?;
        let rows = rows.into_iter().map(|row| (account, row)).collect();
        let events = self.complete(account.into(), rows)?.into_iter();
        let mut events: Vec<_> = events.map(|(_, event)| event).collect();
        events.sort_unstable_by_key(|event| event.seq);
        Ok(events)
    }

    /// The first events of each of these gaps, in their order, read in one round trip on the server's own connections. For each gap
    /// these are at most 128 events, and at least one unless the log has none there. The texts of all gaps together are bounded by
    /// [`PAGE_BYTES`](crate::PAGE_BYTES) and two more events for each gap.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn events_in_gaps(&self, gaps: &[Gap]) -> Result<HashMap<AccountId, Vec<Event>>> {
        let bytes = PAGE_BYTES / gaps.len().max(1);
        let bytes = Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX));
        let row = |gap: &Gap| {
            vec![Value::Int(gap.account.0), Value::Int(gap.since.0), Value::Int(gap.upto.0), bytes]
        };
        let rows: Rows<'_> = gaps.iter().map(row).collect();
        let found = self.read_each(Requester::Server, &event::SELECT_OF_EACH, &rows, |row| {
            Ok((AccountId(row.int(0)?), event::event_at(row, 1)?))
        })?;
        let mut pages: HashMap<_, Vec<_>> = HashMap::new();
        for (account, event) in self.complete(Requester::Server, found)? {
            pages.entry(account).or_default().push(event);
        }
        pages.values_mut().for_each(|page| page.sort_unstable_by_key(|event| event.seq));
        Ok(pages)
    }

    /// Looks up the settings and names that a few of these events need, and completes the events.
    fn complete(
        &self,
        requester: Requester,
        rows: Vec<(AccountId, EventRow)>,
    ) -> Result<Vec<(AccountId, Event)>> {
        let own = |(account, row): (AccountId, EventRow)| (account, row.in_log_of(account));
        let rows: Vec<_> = rows.into_iter().map(own).collect();
        let conversations =
            rows.iter().filter_map(|(account, row)| Some((*account, row.conversation()?)));
        let settings = self.settings(requester, conversations.collect())?;
        let named = rows.iter().flat_map(|(account, row)| row.named().map(|id| (*account, id)));
        let names = self.names(requester, named.collect())?;
        let complete = |(account, row): (AccountId, EventRow)| {
            (account, row.complete(account, &settings, &names))
        };
        Ok(rows.into_iter().map(complete).collect())
    }

    /// How each account addresses these conversations, and its settings for them. Conversations that an account no longer has are
    /// missing in the result.
    pub(crate) fn settings<'a>(
        &self,
        source: impl Into<Source<'a>>,
        conversations: BTreeSet<(AccountId, i64)>,
    ) -> Result<HashMap<(AccountId, i64), (Peer, ConversationSettings)>> {
        let row = |(account, conversation): (AccountId, i64)| {
            [conversation, account.0].map(Value::Int).to_vec()
        };
        let rows: Vec<_> = conversations.into_iter().map(row).collect();
        let found = self.read_each(source, &SETTINGS, &rows, |row| {
            let (account, conversation) = (AccountId(row.int(0)?), row.int(1)?);
            let people = (row.maybe_int(2)?, row.maybe_int(3)?);
            let peer = with(account, conversation, people);
            Ok(((account, conversation), (peer, ConversationSettings::of(row, 4)?)))
        })?;
        Ok(found.into_iter().collect())
    }

    /// The last event of each of these accounts' logs, as committed by now. Accounts without a log are missing from the answer.
    ///
    /// This takes no lock and waits for no transaction, so it may be called often. The answer lacks the events of a commit that is
    /// still in progress. The caller loses nothing by this, since every commit is announced afterwards: heads only grow, and the
    /// announcement makes the caller ask again. Only a commit whose answer was lost is announced by nobody; see
    /// [`Store::heads_after_doubt`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn heads(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, Seq)>> {
        self.read_each(Requester::Server, &FIND_HEADS, &account_rows(accounts), |row| {
            Ok((AccountId(row.int(0)?), Seq(row.int(1)?)))
        })
    }

    /// As [`Store::heads`], but waits for transactions that are writing to these logs. PostgreSQL may still be carrying out a
    /// commit whose connection is gone ([`crate::Error::InDoubt`]): its locks on the logs are held until it has ended.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], also if the wait is too long.
    pub fn heads_after_doubt(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, Seq)>> {
        let rows = account_rows(accounts);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.write_messages(|engine| {
            let heads = engine.run_batch(&LOCK_LOGS, &rows)?;
            heads.iter().map(|row| Ok((AccountId(row.int(0)?), Seq(row.int(1)?)))).collect()
        })
    }
}

fn position(row: &mut Row) -> Result<LogPosition> {
    Ok(LogPosition {
        session: SessionId(row.int(0)?),
        account: AccountId(row.int(1)?),
        name: row.text(2)?,
        head: Seq(row.int(3)?),
        acknowledged: Seq(row.int(4)?),
        forgotten: Seq(row.int(5)?),
        seen_at: row.int(6)?,
    })
}

fn account_rows(accounts: &[AccountId]) -> Rows<'static> {
    accounts.iter().map(|account| vec![Value::Int(account.0)]).collect()
}

statements! {
    static FIND_HEADS: BatchStatement = for_each_row!(
        r(account bigint),
        "select l.account, l.head from r join log l on l.account = r.account"
    );

    static SETTINGS: BatchStatement = for_each_row!(
        r(conversation bigint, account bigint),
        "select s.account, c.id, c.low, c.high, s.muted_until, s.pinned, s.archived, s.marked_unread from r \
         join member s on s.conversation = r.conversation and s.account = r.account \
         join conversation c on c.id = s.conversation"
    );

    /// Locks logs, always in the same order. Deleted accounts have none, so they are missing from the answer.
    pub(crate) static LOCK_LOGS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "select account, head, acknowledged, stored, overhead, groups, shows_read from log where account in (select r.account \
             from unnest($1::bigint[]) as r(account)) order by account for update",
        sqlite:
            "select account, head, acknowledged, stored, overhead, groups, shows_read from log where account = (?1) order by account",
    });

    static POSITION: Statement = Statement::both(
        "select s.id, s.account, a.name, l.head, l.acknowledged, l.forgotten, s.seen_at from session s \
         join account a on a.id = s.account join log l on l.account = s.account where s.token_hash = $1 \
         and s.expires_at > $2"
    );

    static POSITION_OF_SESSION: Statement = Statement::both(
        "select s.id, s.account, a.name, l.head, l.acknowledged, l.forgotten, s.seen_at from session s \
         join account a on a.id = s.account join log l on l.account = s.account where s.id = $1 \
         and s.expires_at > $2"
    );
}
