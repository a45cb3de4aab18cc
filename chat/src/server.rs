//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use net::Shutdown;
use sql::Store;
use telemetry::health::Unhealthy;
use wire::AccountId;

use crate::cluster::Cluster;
use crate::committer::Committer;
use crate::daily_limits::DailyLimits;
use crate::dispatcher::Inbox;
use crate::drainer::Drainer;
use crate::hub::Hub;
use crate::limit::{
    ANSWER_WAIT_MAX, CLOSE_LINGER, HELLO_DEADLINE, PING_INTERVAL, QUEUED_CLOSE_MAX,
};
use crate::long_answers::LongAnswers;
use crate::metrics;
use crate::presence::Presence;
use crate::push::Pushes;
use crate::rate_limit::RateLimits;
use crate::token_throttle::TokenThrottle;

/// Everything that a connection's thread may use.
pub(crate) struct Server {
    pub(crate) hub: Arc<Hub>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) inbox: Inbox,
    /// The other nodes; guest mode has none.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Marks the subscriptions for Web Push; guest mode has none.
    pub(crate) pushes: Option<Pushes>,
    pub(crate) drainer: Drainer,
    pub(crate) mode: Mode,
    pub(crate) long_answers: LongAnswers,
    pub(crate) timeouts: Timeouts,
    /// How much each account may send.
    pub(crate) rate_limits: RateLimits,
    /// How often each account adds others to groups.
    pub(crate) daily_limits: DailyLimits,
    /// Limits the networks that try out tokens.
    pub(crate) token_throttle: TokenThrottle,
    pub(crate) shutdown: Shutdown,
}

/// How long a connection may be silent, and how long the server waits for it. The defaults are those of
/// [`crate::limit`].
#[derive(Clone, Copy)]
pub(crate) struct Timeouts {
    /// How long a connection may be open without a hello.
    pub(crate) hello: Duration,
    /// How long a connection may be silent before the server sends a ping, and once more before the connection counts as dead.
    pub(crate) ping: Duration,
    /// How long a close frame may wait for the committer.
    pub(crate) queued_close: Duration,
    /// How long the client may take to answer the close frame.
    pub(crate) linger: Duration,
    /// How long a long answer waits for other long answers of its account.
    pub(crate) answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            hello: HELLO_DEADLINE,
            ping: PING_INTERVAL,
            queued_close: QUEUED_CLOSE_MAX,
            linger: CLOSE_LINGER,
            answer: ANSWER_WAIT_MAX,
        }
    }
}

/// Whether the server has accounts or guests.
pub(crate) enum Mode {
    /// Guests are numbered in the order of their connections, and nothing is stored.
    Guests {
        /// The number of the last guest.
        last: AtomicI64,
    },
    /// Clients authenticate, and everything is stored.
    Accounts(Accounts),
}

/// The parts that a server with accounts has.
pub(crate) struct Accounts {
    pub(crate) store: Arc<Store>,
    pub(crate) committer: Committer,
}

impl Server {
    /// The parts of a server with accounts; `None` in guest mode.
    pub(crate) fn accounts(&self) -> Option<&Accounts> {
        match &self.mode {
            Mode::Accounts(accounts) => Some(accounts),
            Mode::Guests { .. } => None,
        }
    }

    /// The health check: whether the server can do its job now.
    ///
    /// # Errors
    /// The part that does not work, and the reason.
    pub(crate) fn ready(&self) -> Result<(), Unhealthy> {
        let Some(accounts) = self.accounts() else { return Ok(()) };
        metrics::note_storing(&accounts.store);
        let is_storing = accounts.committer.is_open() && self.inbox.is_open();
        if !is_storing && !self.shutdown.has_begun() {
            let reason = "the committer or the dispatcher has stopped; restart the server";
            return Err(Unhealthy::new("not_storing", reason));
        }
        accounts.store.health().map_err(|it| Unhealthy::new(it.code, it.reason))
    }
}

/// The next guest's number, counted from 1.
pub(crate) fn next_guest(last: &AtomicI64) -> AccountId {
    AccountId(last.fetch_add(1, Ordering::Relaxed) + 1)
}
