//! Sessions: logins of devices, from the login to the logout or expiry.

use wire::limit::SESSIONS_MAX;
use wire::{AccountId, SessionId, TokenHash};

use crate::code::DELETE_OLD_CODES;
use crate::engine::{BatchStatement, Engine, Row, Statement, Value, first, locking, statements};
use crate::pool::Requester;
use crate::ticket::DELETE_OLD_TICKETS;
use crate::{Result, Store};

/// How many ids [`Store::revocations`] looks back. PostgreSQL assigns ids before the commit, so a lower id may become visible after
/// a higher one. This assumes that at most this many revocations are being committed at a time.
const REVOCATIONS_OVERLAP: i64 = 1024;
/// How long a revocation is kept for nodes that may have missed it.
const REVOCATION_KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Sessions of an account that are listed. The account may have more.
const SESSIONS_LISTED_MAX: i64 = 1000;

/// A session to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The account that logs in.
    pub account: AccountId,
    /// The epoch of the password that was verified: [`crate::Credentials::epoch`].
    pub epoch: i64,
    /// The hash of the session's token.
    pub token: TokenHash,
    /// The name that the device has given; may be empty.
    pub device: &'a str,
    /// The time of the login, in milliseconds.
    pub now: i64,
    /// The time at which the session ends unless it is used, in milliseconds.
    pub expires_at: i64,
}

/// A session that has not been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Its account.
    pub account: AccountId,
    /// The name that the device has given; may be empty.
    pub device: String,
    /// The time of the login, in milliseconds.
    pub created_at: i64,
    /// The time of the last known use, in milliseconds. A session with an open socket is recorded ahead of time, by at most
    /// [`wire::limit::SESSION_USE_MS`]: until that time it counts as in use.
    pub seen_at: i64,
    /// The time at which the session ends unless it is used, in milliseconds.
    pub expires_at: i64,
}

/// A change that chat nodes must learn of, since they keep the earlier state in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its number. Later revocations have higher numbers.
    pub id: i64,
    /// The change.
    pub what: Revoked,
}

/// The kind of a [`Revocation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// This session ended before its time.
    Session(SessionId),
    /// An account has begun to hide its last-seen time, or shows it again.
    LastSeen {
        /// The account.
        account: AccountId,
        /// Whether it hides the time now.
        hides: bool,
    },
}

impl Store {
    /// Opens a session. An account has at most [`SESSIONS_MAX`] sessions; those that were unused for longest end. `None` if the
    /// account is deleted or disabled, or its password was changed after the login had verified it ([`Login::epoch`]).
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the session may exist, and nobody has its token.
    pub fn open_session(&self, login: &Login<'_>) -> Result<Option<SessionId>> {
        let account = Value::Int(login.account.0);
        let now = Value::Int(login.now);
        let (token, device) = (Value::Bytes(&login.token.0), Value::Text(login.device));
        self.write(login.account, |engine| {
            if engine.run(&LOCK_ACCOUNT, &[account, Value::Int(login.epoch)])?.is_empty() {
                return Ok(None);
            }
            let params = [account, token, device, now, now, Value::Int(login.expires_at)];
            let id = first(&engine.run(&ADD_SESSION, &params)?)?.int(0)?;
            let kept = [account, Value::Int(id), Value::Int(SESSIONS_MAX - 1)];
            let ended = engine.run(&END_LONGEST_UNUSED, &kept)?;
            end_sessions(engine, &ended, login.now)?;
            Ok(Some(SessionId(id)))
        })
    }

    /// The session of this token, unless it has ended.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn session_by_token(&self, token: &TokenHash, now: i64) -> Result<Option<Session>> {
        let params = [Value::Bytes(&token.0), Value::Int(self.clock.trusted_by(now))];
        let found =
            self.read(self.tokens.requester(token), &SESSION_BY_TOKEN, &params, session)?.pop();
        self.tokens.note(token, found.as_ref().map(|session| session.account));
        Ok(found)
    }

    /// Records that a session is used at `now`, and moves its end to `expires_at`. A session that has ended stays ended.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn touch_session(&self, id: SessionId, now: i64, expires_at: i64) -> Result<()> {
        let params = [Value::Int(now), Value::Int(expires_at), Value::Int(id.0)];
        self.write(Requester::Stranger, |engine| engine.run(&TOUCH_SESSION, &params).map(drop))
    }

    /// The account's sessions that have not ended, at most 1000, the last used one first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn sessions(&self, account: AccountId, now: i64) -> Result<Vec<Session>> {
        let params = [
            Value::Int(account.0),
            Value::Int(self.clock.trusted_by(now)),
            Value::Int(SESSIONS_LISTED_MAX),
        ];
        self.read(account, &SESSIONS, &params, session)
    }

    /// Ends a session of this account; false if the account has no such session.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn revoke(&self, account: AccountId, id: SessionId, now: i64) -> Result<bool> {
        self.write(account, |engine| {
            let ended = engine.run(&END_SESSION, &[Value::Int(id.0), Value::Int(account.0)])?;
            end_sessions(engine, &ended, now)?;
            Ok(!ended.is_empty())
        })
    }

    /// All revocations after number `after`, and some before it again, since a lower number may become visible late. They are in
    /// the order of their numbers, which is for each account the order of its changes.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn revocations(&self, after: i64) -> Result<Vec<Revocation>> {
        let from = after.saturating_sub(REVOCATIONS_OVERLAP);
        self.read(Requester::Server, &REVOCATIONS, &[Value::Int(from)], |row| {
            let what = match row.maybe_int(2)? {
                None => Revoked::Session(SessionId(row.int(1)?)),
                Some(account) => {
                    Revoked::LastSeen { account: AccountId(account), hides: row.int(3)? != 0 }
                }
            };
            Ok(Revocation { id: row.int(0)?, what })
        })
    }

    /// The number of the last revocation; 0 if none is kept.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn newest_revocation(&self) -> Result<i64> {
        Ok(self
            .read(Requester::Server, &NEWEST_REVOCATION, &[], |row| row.int(0))?
            .pop()
            .unwrap_or(0))
    }

    /// Deletes expired sessions, tickets and codes, and revocations that all nodes have read long ago. Deletes nothing while the
    /// machine's clock is in doubt.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn sweep(&self, now: i64) -> Result<()> {
        let Some(now) = self.clock.sweep_by(now) else { return Ok(()) };
        let old = now.saturating_sub(REVOCATION_KEPT_MS);
        let shared = self.clock.shared_by(now);
        self.write(Requester::Server, |engine| {
            engine.run(&DELETE_EXPIRED, &[Value::Int(now)])?;
            engine.run(&DELETE_OLD_TICKETS, &[Value::Int(shared)])?;
            engine.run(&DELETE_OLD_CODES, &[Value::Int(now)])?;
            engine.run(&DELETE_OLD_REVOCATIONS, &[Value::Int(old)]).map(drop)
        })
    }
}

/// Writes a revocation for each of these sessions, so that all nodes close their sockets. The first column of `ended` is the session.
/// Must be called in the transaction that deletes the sessions.
pub(crate) fn end_sessions(engine: &mut dyn Engine, ended: &[Row], now: i64) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let row = |row: &Row| Ok(vec![Value::Int(row.int(0)?), Value::Int(now)]);
    let rows: Vec<_> = ended.iter().map(row).collect::<Result<_>>()?;
    engine.run_batch(&ADD_REVOCATIONS, &rows).map(drop)
}

pub(crate) fn session(row: &mut Row) -> Result<Session> {
    Ok(Session {
        id: SessionId(row.int(0)?),
        account: AccountId(row.int(1)?),
        device: row.text(2)?,
        created_at: row.int(3)?,
        seen_at: row.int(4)?,
        expires_at: row.int(5)?,
    })
}

statements! {
    static ADD_REVOCATIONS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "insert into revocation (session, at) select * from unnest($1::bigint[], $2::bigint[]) as r(session, at)",
        sqlite: "insert or fail into revocation (session, at) values (?1, ?2)",
    });

    static LOCK_ACCOUNT: Statement =
        locking!("select id from account where id = $1 and epoch = $2 and password is not null and disabled_at is null");

    static ADD_SESSION: Statement = Statement::both(
        "insert into session (account, token_hash, device, created_at, seen_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6) returning id"
    );

    static END_LONGEST_UNUSED: Statement = Statement::both(
        "delete from session where account = $1 and id <> $2 and id not in (select id from session \
         where account = $1 and id <> $2 order by seen_at desc, id desc limit $3) returning id"
    );

    static SESSION_BY_TOKEN: Statement = Statement::both(
        "select id, account, device, created_at, seen_at, expires_at from session where token_hash = $1 \
         and expires_at > $2"
    );

    static TOUCH_SESSION: Statement = Statement::both(
        "update session set seen_at = $1, expires_at = $2 where id = $3 and seen_at < $1"
    );

    static SESSIONS: Statement = Statement::both(
        "select id, account, device, created_at, seen_at, expires_at from session where account = $1 \
         and expires_at > $2 order by seen_at desc, id desc limit $3"
    );

    pub(crate) static END_SESSIONS: Statement =
        Statement::both("delete from session where account = $1 returning id");

    static END_SESSION: Statement =
        Statement::both("delete from session where id = $1 and account = $2 returning id");

    static REVOCATIONS: Statement = Statement::both(
        "select id, session, account, hides from revocation where id > $1 order by id"
    );

    static NEWEST_REVOCATION: Statement = Statement::both("select coalesce(max(id), 0) from revocation");

    static DELETE_EXPIRED: Statement = Statement::both("delete from session where expires_at <= $1");

    static DELETE_OLD_REVOCATIONS: Statement = Statement::both("delete from revocation where at < $1");
}
