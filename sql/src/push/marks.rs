//! Marks on subscriptions: a marked subscription gets a push.

use std::collections::{HashMap, HashSet};

use wire::{AccountId, Seq, SessionId};

use crate::engine::{BatchStatement, Statement, Value, for_each_row, statements};
use crate::limit::PUSHES_PAGE;
use crate::pool::Requester;
use crate::{Result, Store};

/// The account or session whose subscriptions are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushQuery {
    /// The account.
    pub account: AccountId,
    /// Only this session; `None`: all sessions of the account.
    pub session: Option<SessionId>,
    /// Only events after this one count.
    pub after: Seq,
}

impl Store {
    /// Whether any account has a subscription.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn has_push_subscriptions(&self) -> Result<bool> {
        Ok(!self.read(Requester::Server, &ANY_SUBSCRIPTION, &[], |row| row.int(0))?.is_empty())
    }

    /// The subscriptions that must be marked because of a message in the log of their account. The message counts if it is from another
    /// account that the account knows, and its conversation is not muted. The caller must leave out clients that are connected.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn subscriptions_to_mark(
        &self,
        queries: &[PushQuery],
        now: i64,
    ) -> Result<Vec<(AccountId, SessionId)>> {
        let mut found = Vec::new();
        for page in queries.chunks(PUSHES_PAGE) {
            let row = |query: &PushQuery| {
                let session = query.session.map_or(0, |session| session.0);
                [query.account.0, session, query.after.0, now].map(Value::Int).to_vec()
            };
            let rows: Vec<_> = page.iter().map(row).collect();
            found.extend(self.read_each(Requester::Server, &WANTED, &rows, |row| {
                Ok((AccountId(row.int(0)?), SessionId(row.int(1)?)))
            })?);
        }
        Ok(found)
    }

    /// The sessions of these accounts that are connected to other nodes.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn sessions_elsewhere(
        &self,
        accounts: &HashSet<AccountId>,
    ) -> Result<HashMap<SessionId, AccountId>> {
        let mut found = HashMap::new();
        let Some(me) = self.announcer.shown() else { return Ok(found) };
        let accounts: Vec<_> = accounts.iter().copied().collect();
        for page in accounts.chunks(PUSHES_PAGE) {
            let rows: Vec<_> =
                page.iter().map(|account| [account.0, me].map(Value::Int).to_vec()).collect();
            found.extend(self.read_each(Requester::Server, &SESSIONS_ELSEWHERE, &rows, |row| {
                Ok((SessionId(row.int(0)?), AccountId(row.int(1)?)))
            })?);
        }
        Ok(found)
    }

    /// Marks the subscriptions of these sessions. Those that are marked already stay as they are.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] some may be marked.
    pub fn mark_pushes(&self, sessions: &[SessionId], now: i64) -> Result<()> {
        self.change_each(&MARK, sessions, |session| vec![Value::Int(session.0), Value::Int(now)])
    }

    /// Removes the marks of sessions whose clients are connected again, so that nothing more is pushed for what has arrived so far. The
    /// next push need not wait for its interval. Most sessions have no mark and cost no write.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn reset_pushes(&self, sessions: &[SessionId]) -> Result<()> {
        let mut changed = Vec::new();
        for page in sessions.chunks(PUSHES_PAGE) {
            let rows: Vec<_> = page.iter().map(|session| vec![Value::Int(session.0)]).collect();
            let found = self.read_each(Requester::Server, &PUSHED, &rows, |row| row.int(0))?;
            changed.extend(found.into_iter().map(SessionId));
        }
        self.change_each(&RESET, &changed, |session| vec![Value::Int(session.0)])
    }

    fn change_each(
        &self,
        statement: &'static BatchStatement,
        sessions: &[SessionId],
        row: impl Fn(&SessionId) -> Vec<Value<'static>>,
    ) -> Result<()> {
        for page in sessions.chunks(PUSHES_PAGE) {
            let rows: Vec<_> = page.iter().map(&row).collect();
            self.write(Requester::Server, |engine| engine.run_batch(statement, &rows).map(drop))?;
        }
        Ok(())
    }
}

statements! {
    static ANY_SUBSCRIPTION: Statement = Statement::both("select 1 from push_subscription limit 1");

    /// Session 0 means all sessions of the account. An event of kind 1 is a new entry; an entry of kind 0 is a message.
    static WANTED: BatchStatement = for_each_row!(
        r(account bigint, session bigint, seen bigint, now bigint),
        "select p.account, p.session from r join push_subscription p on p.account = r.account and p.state in (0, 2) \
         and r.session in (0, p.session) where exists (select 1 from event e join message m on m.id = e.message \
         join conversation c on c.id = m.conversation \
         join member x on x.conversation = m.conversation and x.account = e.account \
         where e.account = r.account and e.seq > r.seen and e.kind = 1 and m.kind = 0 and m.sender <> e.account \
         and m.deleted = 0 and coalesce(x.muted_until, 0) <= r.now and coalesce(c.asker, e.account) = e.account)"
    );

    static SESSIONS_ELSEWHERE: BatchStatement = for_each_row!(
        r(account bigint, me bigint),
        "select o.session, o.account from r join online_session o on o.account = r.account and o.node <> r.me"
    );

    static MARK: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update push_subscription p set next_at = case when p.state = 2 then p.next_at \
             when p.not_before > r.now then p.not_before else r.now end, state = p.state + 1 \
             from unnest($1::bigint[], $2::bigint[]) as r(session, now) where p.session = r.session and p.state in (0, 2)",
        sqlite:
            "update push_subscription set next_at = case when state = 2 then next_at \
             when not_before > ?2 then not_before else ?2 end, state = state + 1 \
             where session = ?1 and state in (0, 2)",
    });

    static PUSHED: BatchStatement = for_each_row!(
        r(session bigint),
        "select p.session from r join push_subscription p on p.session = r.session \
         and (p.state <> 0 or (p.not_before <> 0 and p.failures = 0))"
    );

    static RESET: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update push_subscription p set state = 0, next_at = null, \
             not_before = case when p.failures = 0 then 0 else p.not_before end \
             from unnest($1::bigint[]) as r(session) where p.session = r.session",
        sqlite:
            "update push_subscription set state = 0, next_at = null, \
             not_before = case when failures = 0 then 0 else not_before end where session = ?1",
    });
}
