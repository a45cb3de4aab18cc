//! Web Push: the subscriptions of sessions, and the server's key.
//!
//! When a message arrives for a client that is not connected, the chat server marks the client's subscription ([`marks`]). An auth
//! server reads the marks, and sends a push for each ([`due`]). The two servers share nothing but these rows.

mod due;
mod marks;

use wire::{AccountId, SessionId};

use crate::engine::{Statement, Value, locking, statements};
use crate::pool::Requester;
use crate::{Error, Result, Store};

pub use due::{ClaimedPush, PushOutcome};
pub use marks::PushQuery;

/// The subscription of a session. Not `Debug`: its endpoint and its keys are secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// The session.
    pub session: SessionId,
    /// Its account.
    pub account: AccountId,
    /// The host of the push service.
    pub host: String,
    /// The URL at the push service.
    pub endpoint: String,
    /// The public key of the browser.
    pub p256dh: Vec<u8>,
    /// The secret of the browser (`auth` in RFC 8291).
    pub auth: Vec<u8>,
}

/// A subscription as it is exported.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportedPush {
    /// The session.
    pub session: SessionId,
    /// The URL at its push service.
    pub endpoint: String,
    /// The time of the first subscription, in milliseconds.
    pub created_at: i64,
}

/// Bounds on subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct PushBounds {
    /// Subscriptions of one account. A further one replaces the oldest.
    pub per_account: i64,
    /// Subscriptions of all accounts together. A further one is refused.
    pub in_all: i64,
}

/// The outcome of a new subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// It is stored.
    Yes,
    /// The session has ended.
    NoSession,
    /// The bound on subscriptions of all accounts is reached.
    Full,
}

/// The number of the row with the key.
const KEY: i64 = 1;

impl Store {
    /// The key of the server for Web Push, which all servers of a database share. If there is none, `new` makes one, which is stored.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the new key may be stored.
    pub fn push_key(&self, new: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let read =
            || self.read(Requester::Server, &FIND_KEY, &[Value::Int(KEY)], |row| row.bytes(0));
        if let Some(key) = read()?.pop() {
            return Ok(key);
        }
        let new = new()?;
        let params = [Value::Int(KEY), Value::Bytes(&new)];
        self.write(Requester::Server, |engine| engine.run(&ADD_KEY, &params).map(drop))?;
        // Another server may have stored its key first, so the key is read again.
        read()?.pop().ok_or_else(|| Error::Internal("the key for Web Push is not there".to_owned()))
    }

    /// Stores the subscription of a session, in place of an older one. If another session has the same endpoint, its subscription is
    /// removed, since both are of the same browser.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn subscribe_push(
        &self,
        new: &PushSubscription,
        bounds: PushBounds,
        now: i64,
    ) -> Result<Subscribed> {
        let (session, account) = (Value::Int(new.session.0), Value::Int(new.account.0));
        let (host, endpoint) = (Value::Text(&new.host), Value::Text(&new.endpoint));
        let keys = [Value::Bytes(&new.p256dh), Value::Bytes(&new.auth)];
        let added = [session, account, host, endpoint, keys[0], keys[1], Value::Int(now)];
        self.write(new.account, |engine| {
            if engine.run(&LOCK_SESSION, &[session, account])?.is_empty() {
                return Ok(Subscribed::NoSession);
            }
            engine.run(&DELETE_SAME, &[endpoint, session])?;
            if engine.run(&FIND_SUBSCRIPTION, &[session])?.is_empty() {
                let kept = Value::Int(bounds.per_account - 1);
                engine.run(&DELETE_OLDEST, &[account, kept])?;
                let count = engine.run(&COUNT_SUBSCRIPTIONS, &[])?;
                if crate::engine::first(&count)?.int(0)? >= bounds.in_all {
                    return Ok(Subscribed::Full);
                }
            }
            engine.run(&ADD_HOST, &[host])?;
            engine.run(&SET_SUBSCRIPTION, &added)?;
            Ok(Subscribed::Yes)
        })
    }

    /// Removes the subscription of a session, if it has one.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn unsubscribe_push(&self, account: AccountId, session: SessionId) -> Result<()> {
        let params = [Value::Int(session.0), Value::Int(account.0)];
        self.write(account, |engine| engine.run(&DELETE_SUBSCRIPTION, &params).map(drop))
    }

    /// The subscriptions of an account, for its export.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn exported_pushes(&self, account: AccountId) -> Result<Vec<ExportedPush>> {
        self.read(account, &SUBSCRIPTIONS, &[Value::Int(account.0)], |row| {
            Ok(ExportedPush {
                session: SessionId(row.int(0)?),
                endpoint: row.text(1)?,
                created_at: row.int(2)?,
            })
        })
    }

    /// Deletes the rows of push services at which nobody has a subscription, and to which nothing was sent since `before`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also if an account subscribes at such a service at this moment; after [`Error::InDoubt`] the change is
    /// stored or not.
    pub fn sweep_push_hosts(&self, before: i64) -> Result<()> {
        let params = [Value::Int(before)];
        self.write(Requester::Server, |engine| engine.run(&DELETE_HOSTS, &params).map(drop))
    }
}

statements! {
    static FIND_KEY: Statement = Statement::both("select key from push_key where id = $1");

    static ADD_KEY: Statement =
        Statement::both("insert into push_key (id, key) values ($1, $2) on conflict (id) do nothing");

    static LOCK_SESSION: Statement = locking!("select id from session where id = $1 and account = $2");

    static DELETE_SAME: Statement =
        Statement::both("delete from push_subscription where endpoint = $1 and session <> $2");

    static FIND_SUBSCRIPTION: Statement =
        Statement::both("select session from push_subscription where session = $1");

    static DELETE_OLDEST: Statement = Statement::both(
        "delete from push_subscription where account = $1 and session not in (select session \
         from push_subscription where account = $1 order by created_at desc, session desc limit $2)"
    );

    static SUBSCRIPTIONS: Statement = Statement::both(
        "select session, endpoint, created_at from push_subscription where account = $1 order by session"
    );

    static COUNT_SUBSCRIPTIONS: Statement = Statement::both("select count(*) from push_subscription");

    static ADD_HOST: Statement =
        Statement::both("insert into push_host (host, sent_at) values ($1, 0) on conflict (host) do nothing");

    /// A subscription with the same endpoint keeps its marks and failures; one with another endpoint begins without.
    static SET_SUBSCRIPTION: Statement = Statement::both(
        "insert into push_subscription (session, account, host, endpoint, p256dh, auth, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (session) do update set \
         failures = case when push_subscription.endpoint = excluded.endpoint then push_subscription.failures else 0 end, \
         not_before = case when push_subscription.endpoint = excluded.endpoint then push_subscription.not_before else 0 end, \
         host = excluded.host, endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth"
    );

    static DELETE_SUBSCRIPTION: Statement =
        Statement::both("delete from push_subscription where session = $1 and account = $2");

    static DELETE_HOSTS: Statement = Statement::both(
        "delete from push_host where sent_at < $1 \
         and not exists (select 1 from push_subscription p where p.host = push_host.host)"
    );
}
