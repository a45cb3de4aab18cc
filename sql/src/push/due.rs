//! Pushes that are due. Any of several servers may send a push. Exactly one does: the server that has claimed it.

use wire::{AccountId, SessionId};

use super::PushSubscription;
use crate::engine::{Statement, Value, locking, statements};
use crate::limit::{PUSH_CLAIM_MS, PUSH_HOST_INTERVAL_MS, PUSH_INTERVAL_MS, PUSH_TRIES_MAX};
use crate::pool::Requester;
use crate::{Result, Store};

/// A push that this server is to send.
pub struct ClaimedPush {
    /// The receiver.
    pub to: PushSubscription,
    /// The number of failures in a row so far.
    pub failures: i64,
}

/// The outcome of a push that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The push service has accepted the push.
    Sent,
    /// The push failed and is to be tried again. After [`PUSH_TRIES_MAX`] failures in a row it is given up. From then on a push for a
    /// further message is tried once.
    Failed {
        /// The time of the next try, in milliseconds.
        retry_at: i64,
    },
    /// The push service has refused the push. It is not tried again.
    Refused,
}

impl Store {
    /// Hosts of push services for which pushes are due, and to which nothing was sent within [`PUSH_HOST_INTERVAL_MS`]. Those that
    /// have waited longest come first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn due_push_hosts(&self, limit: usize, now: i64) -> Result<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = [now - PUSH_HOST_INTERVAL_MS, now, limit].map(Value::Int);
        self.read(Requester::Server, &DUE_HOSTS, &params, |row| row.text(0))
    }

    /// The subscriptions at a host for which a push is due. Those that have waited longest come first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn due_pushes(
        &self,
        host: &str,
        limit: i64,
        now: i64,
    ) -> Result<Vec<(SessionId, AccountId)>> {
        let params = [Value::Text(host), Value::Int(now), Value::Int(limit)];
        self.read(Requester::Server, &DUE, &params, |row| {
            Ok((SessionId(row.int(0)?), AccountId(row.int(1)?)))
        })
    }

    /// Claims a push, if it is still due, and nothing was sent to its host lately. The caller must send it at once. If no outcome is
    /// recorded within [`PUSH_CLAIM_MS`], the push is due again.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the push may be claimed, and is due again later.
    pub fn claim_push(
        &self,
        session: SessionId,
        host: &str,
        now: i64,
    ) -> Result<Option<ClaimedPush>> {
        let (id, name) = (Value::Int(session.0), Value::Text(host));
        let turn = [Value::Int(now), name, Value::Int(now - PUSH_HOST_INTERVAL_MS)];
        let claim = [Value::Int(now + PUSH_CLAIM_MS), Value::Int(now + PUSH_INTERVAL_MS), id];
        self.write(Requester::Server, |engine| {
            let mut due = engine.run(&LOCK_DUE, &[id, name, Value::Int(now)])?;
            let Some(row) = due.first_mut() else { return Ok(None) };
            if engine.run(&TAKE_TURN, &turn)?.is_empty() {
                return Ok(None);
            }
            engine.run(&CLAIM, &claim)?;
            let to = PushSubscription {
                session,
                account: AccountId(row.int(0)?),
                host: host.to_owned(),
                endpoint: row.text(1)?,
                p256dh: row.bytes(2)?,
                auth: row.bytes(3)?,
            };
            Ok(Some(ClaimedPush { to, failures: row.int(4)? }))
        })
    }

    /// Stores the outcome of a push that was claimed.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; then the push is due again after [`PUSH_CLAIM_MS`].
    pub fn record_push_outcome(&self, session: SessionId, outcome: PushOutcome) -> Result<()> {
        let session = Value::Int(session.0);
        self.write(Requester::Server, |engine| match outcome {
            PushOutcome::Sent => engine.run(&SET_SENT, &[session]).map(drop),
            PushOutcome::Failed { retry_at } => {
                let params = [Value::Int(PUSH_TRIES_MAX), Value::Int(retry_at), session];
                engine.run(&SET_FAILED, &params).map(drop)
            }
            PushOutcome::Refused => engine.run(&SET_REFUSED, &[session]).map(drop),
        })
    }

    /// Removes a subscription that the push service has reported as ended, unless the session has another endpoint by now.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn remove_push(&self, to: &PushSubscription) -> Result<()> {
        let params = [Value::Int(to.session.0), Value::Text(&to.endpoint)];
        self.write(Requester::Server, |engine| engine.run(&DELETE_GONE, &params).map(drop))
    }
}

statements! {
    static DUE_HOSTS: Statement = Statement::both(
        "select h.host from push_host h where h.sent_at <= $1 and exists (select 1 from push_subscription p \
         where p.host = h.host and p.next_at <= $2) order by h.sent_at, h.host limit $3"
    );

    static DUE: Statement = Statement::both(
        "select session, account from push_subscription where host = $1 and next_at <= $2 \
         order by next_at, session limit $3"
    );

    static TAKE_TURN: Statement = Statement::both(
        "update push_host set sent_at = $1 where host = $2 and sent_at <= $3 returning host"
    );

    static LOCK_DUE: Statement = locking!(
        "select account, endpoint, p256dh, auth, failures from push_subscription \
         where session = $1 and host = $2 and next_at <= $3"
    );

    static CLAIM: Statement = Statement::both(
        "update push_subscription set state = 2, next_at = $1, not_before = $2 where session = $3"
    );

    static SET_SENT: Statement = Statement::both(
        "update push_subscription set failures = 0, next_at = case when state = 3 then not_before end, \
         state = case when state = 3 then 1 else 0 end where session = $1 and state in (2, 3)"
    );

    static SET_FAILED: Statement = Statement::both(
        "update push_subscription set state = case when failures + 1 < $1 then 1 else 0 end, \
         next_at = case when failures + 1 < $1 then cast($2 as bigint) end, not_before = $2, failures = failures + 1 \
         where session = $3 and state in (2, 3)"
    );

    static SET_REFUSED: Statement = Statement::both(
        "update push_subscription set failures = failures + 1, next_at = null, state = 0 \
         where session = $1 and state in (2, 3)"
    );

    static DELETE_GONE: Statement =
        Statement::both("delete from push_subscription where session = $1 and endpoint = $2");
}
