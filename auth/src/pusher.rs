//! Web Push: the thread that sends pushes to the subscriptions that chat servers have marked, and its settings.
//!
//! Several servers may do so on one database. A server claims a push before it sends it, so exactly one of them sends it.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use net::Shutdown;
use os_thread::SERVICE_STACK_BYTES;
use push::{AllowedOrigin, Delivery, Endpoint, Sender, ServerKey, SubscriptionKeys};
use sql::{ClaimedPush, PushOutcome, PushSubscription, Store};
use telemetry::LogLimiter;
use wire::AccountId;

use crate::limit::{
    PUSH_FLUSH_MAX, PUSH_LOOK, PUSH_RETRY_FIRST, PUSH_RETRY_MAX, PUSH_WARN_INTERVAL,
    PUSHES_AT_ONCE_MAX, PUSHES_LOOKED_AT, PUSHES_PER_ACCOUNT_MAX,
};
use crate::metrics::PUSHES;

/// The settings of Web Push, and the key once it was read.
#[derive(Default)]
pub(crate) struct PushContext {
    /// Origins of push services that may have any address.
    pub(crate) allowed: Vec<AllowedOrigin>,
    key: OnceLock<String>,
}

impl PushContext {
    pub(crate) fn new(allowed: Vec<AllowedOrigin>) -> Self {
        Self { allowed, key: OnceLock::new() }
    }

    /// The public key of this server.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(crate) fn public_key(&self, store: &Store) -> sql::Result<String> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = server_key(store)?.public();
        Ok(self.key.get_or_init(|| key).clone())
    }
}

/// The key of all servers on this database. It is created when it is first needed.
fn server_key(store: &Store) -> sql::Result<ServerKey> {
    let internal = |error: push::KeyError| sql::Error::Internal(error.to_string());
    let stored = store.push_key(|| ServerKey::generate().map_err(internal))?;
    ServerKey::load(&stored).map_err(internal)
}

/// The thread; it ends after the shutdown has begun.
pub(crate) struct Pushing(Receiver<()>);

impl Pushing {
    /// Starts the thread. `contact`: the address at which push services can reach the operator.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn start(
        store: Arc<Store>,
        allowed: Vec<AllowedOrigin>,
        contact: Option<String>,
        shutdown: Shutdown,
    ) -> io::Result<Self> {
        let (alive, ended) = sync_channel(0);
        os_thread::spawn("auth-push", SERVICE_STACK_BYTES, move || {
            let _alive: SyncSender<()> = alive;
            Pusher::new(store, allowed, contact).run(&shutdown);
        })?;
        Ok(Self(ended))
    }

    /// Waits until the outcome of every push that is being sent is stored, but no longer than this.
    pub(crate) fn wait(&self, patience: Duration) {
        // An error means that the thread has ended.
        let _ = self.0.recv_timeout(patience);
    }
}

/// A push that was sent, the number of its earlier failures, and its outcome.
type Answer = (PushSubscription, i64, Delivery);

struct Pusher {
    store: Arc<Store>,
    allowed: Vec<AllowedOrigin>,
    contact: Option<String>,
    /// Created for the first push.
    sender: Option<Sender>,
    /// The number of pushes that are being sent, by account.
    running: HashMap<AccountId, usize>,
    answers: (SyncSender<Answer>, Receiver<Answer>),
    warned: LogLimiter,
}

impl Pusher {
    fn new(store: Arc<Store>, allowed: Vec<AllowedOrigin>, contact: Option<String>) -> Self {
        Self {
            store,
            allowed,
            contact,
            sender: None,
            running: HashMap::new(),
            answers: sync_channel(PUSHES_AT_ONCE_MAX),
            warned: LogLimiter::new(PUSH_WARN_INTERVAL),
        }
    }

    fn run(mut self, shutdown: &Shutdown) {
        while !shutdown.has_begun() {
            if let Err(error) = self.send_due() {
                self.warn("send", &error);
            }
            self.store_outcomes_until(Instant::now() + PUSH_LOOK);
        }
        let until = Instant::now() + PUSH_FLUSH_MAX;
        while !self.running.is_empty() && Instant::now() < until {
            self.store_outcomes_until(until.min(Instant::now() + PUSH_LOOK));
        }
    }

    /// Begins to send the pushes that are due, at most [`PUSHES_AT_ONCE_MAX`] at the same time.
    fn send_due(&mut self) -> io::Result<()> {
        let free = PUSHES_AT_ONCE_MAX - self.running.values().sum::<usize>();
        if free == 0 {
            return Ok(());
        }
        let now = self.store.now();
        for host in self.store.due_push_hosts(free, now).map_err(io::Error::other)? {
            let due = self.store.due_pushes(&host, PUSHES_LOOKED_AT, now);
            let due = due.map_err(io::Error::other)?;
            // An account whose push services do not answer must not keep others waiting.
            let is_free = |account| {
                self.running.get(account).is_none_or(|count| *count < PUSHES_PER_ACCOUNT_MAX)
            };
            let Some((session, _)) = due.iter().find(|(_, account)| is_free(account)) else {
                continue;
            };
            let claimed = self.store.claim_push(*session, &host, now).map_err(io::Error::other)?;
            if let Some(claimed) = claimed {
                self.send(claimed)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, claimed: ClaimedPush) -> io::Result<()> {
        let ClaimedPush { to, failures } = claimed;
        let keys = SubscriptionKeys::new(&to.p256dh, &to.auth);
        // The settings may have been different when the subscription was stored.
        let (Ok(endpoint), Ok(keys)) = (Endpoint::parse(&to.endpoint, &self.allowed), keys) else {
            PUSHES.inc("not_public");
            return self.store.remove_push(&to).map_err(io::Error::other);
        };
        let told = self.answers.0.clone();
        let account = to.account;
        // There is room in the channel for all that are being sent.
        self.sender()?.send(&endpoint, &keys, move |delivery| {
            let _ = told.send((to, failures, delivery));
        })?;
        *self.running.entry(account).or_default() += 1;
        Ok(())
    }

    fn sender(&mut self) -> io::Result<&Sender> {
        let sender = match self.sender.take() {
            Some(sender) => sender,
            None => {
                let key = server_key(&self.store).map_err(io::Error::other)?;
                Sender::new(key, self.contact.clone()).map_err(io::Error::other)?
            }
        };
        Ok(self.sender.insert(sender))
    }

    /// Stores the outcomes of pushes as they arrive, until `until`.
    fn store_outcomes_until(&mut self, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.answers.1.recv_timeout(left) {
                Ok((to, failures, delivery)) => {
                    if let Some(count) = self.running.get_mut(&to.account) {
                        *count -= 1;
                        if *count == 0 {
                            self.running.remove(&to.account);
                        }
                    }
                    if let Err(error) = self.settle(&to, failures, delivery) {
                        // The push is due again when its claim expires.
                        self.warn("record", &error);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn settle(&self, to: &PushSubscription, failures: i64, delivery: Delivery) -> sql::Result<()> {
        match delivery {
            Delivery::Delivered => {
                PUSHES.inc("delivered");
                self.store.record_push_outcome(to.session, PushOutcome::Sent)
            }
            Delivery::Gone => {
                PUSHES.inc("gone");
                self.store.remove_push(to)
            }
            Delivery::NotPublic => {
                PUSHES.inc("not_public");
                self.store.remove_push(to)
            }
            Delivery::Refused(status) => {
                PUSHES.inc("refused");
                self.warn(&to.host, &format!("the push service {} refuses with {status}", to.host));
                self.store.record_push_outcome(to.session, PushOutcome::Refused)
            }
            Delivery::Failed(wanted) => {
                PUSHES.inc("failed");
                let wait = retry_after(failures).max(wanted.unwrap_or_default());
                let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let retry_at = self.store.now().saturating_add(wait);
                self.store.record_push_outcome(to.session, PushOutcome::Failed { retry_at })
            }
        }
    }

    fn warn(&self, key: &str, error: &dyn std::fmt::Display) {
        if self.warned.is_due(key, Instant::now()) {
            tracing::warn!(%error, "a push was not sent");
        }
    }
}

/// The pause before a push is tried again after this number of failures.
fn retry_after(failures: i64) -> Duration {
    let doublings = u32::try_from(failures.clamp(0, 16)).unwrap_or(0);
    PUSH_RETRY_MAX.min(PUSH_RETRY_FIRST * 2u32.pow(doublings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!(retry_after(0), PUSH_RETRY_FIRST);
        assert_eq!(retry_after(3), PUSH_RETRY_FIRST * 8);
        assert_eq!(retry_after(40), PUSH_RETRY_MAX);
    }
}
