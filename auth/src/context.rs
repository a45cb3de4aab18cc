//! The state that all handlers share, the session of a request, and the check of a password.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use files::FileStore;
use files::limit::FILE_MAX;
use net::bucket::Buckets;
use net::network::Network;
use net::network::NetworkBuckets;
use os_thread::lock;
use sql::{Credentials, Profile, Session, Store};
use telemetry::health::Unhealthy;
use wire::{AccountId, SessionId};

use crate::args::SignupRule;
use crate::error::ApiError;
use crate::exports::Exports;
use crate::failure_exchange::FailureExchange;
use crate::hash_queue::{QueueKey, QueuePath};
use crate::limit::{
    ACCOUNT_CHANGES, ACCOUNT_CHANGES_PER_SECOND, BUCKETS_WIDTH, CODE_FAILURES,
    CODE_FAILURES_PER_SECOND, DOWNLOADS_AT_ONCE_MAX, HEARTBEAT_MAX, LOOKUPS, LOOKUPS_PER_SECOND,
    PROFILE_CHANGES, PROFILE_CHANGES_PER_SECOND, SESSION_MS, TOUCH_INTERVAL_MS,
    UPLOADS_AT_ONCE_MAX,
};
use crate::mail::Mailer;
use crate::metrics;
use crate::password::{Bounds, HashError, HashParams, HashSlot, Hasher, Password};
use crate::pusher::PushContext;
use crate::request::Request;
use crate::throttle::{Origin, Throttle};
use crate::transfers::Transfers;

/// The state that all requests share.
pub(crate) struct Context {
    pub(crate) store: Arc<Store>,
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    /// `None` if no other auth server can use the database.
    pub(crate) failures: Option<FailureExchange>,
    /// Who can sign up.
    pub(crate) signup: SignupRule,
    pub(crate) chat: ChatPlace,
    /// `None`: signups have no limit.
    pub(crate) signups: Option<NetworkBuckets>,
    /// `None`: nothing is mailed.
    pub(crate) mailer: Option<Mailer>,
    /// Wrong codes, counted by network.
    pub(crate) code_failures: NetworkBuckets,
    /// Look-ups by email, counted by account.
    pub(crate) lookups: Buckets,
    /// Requests that change something, counted by [`ChangeKey`].
    pub(crate) changes: Buckets,
    /// Changes of names and pictures, counted by account.
    pub(crate) profile_changes: Buckets,
    pub(crate) exports: Arc<Exports>,
    /// `None`: there is no file store.
    pub(crate) files: Option<FileStore>,
    /// Bytes of one file.
    pub(crate) file_max: u64,
    /// Uploads in progress.
    pub(crate) uploads: Arc<Transfers>,
    /// Downloads in progress.
    pub(crate) downloads: Arc<Transfers>,
    pub(crate) push: PushContext,
    pub(crate) heartbeat: Heartbeat,
}

/// The address of the chat server, for clients.
#[derive(Default)]
pub(crate) struct ChatPlace {
    /// The URL of its WebSocket. `None`: `/ws` of this server's own origin.
    pub(crate) url: Option<String>,
    /// Whether it runs in this process. Then this port also serves the descriptions of its protocol.
    pub(crate) is_here: bool,
}

/// The key by which requests that change something are counted.
#[derive(Hash)]
pub(crate) enum ChangeKey {
    Account(AccountId),
    Session(SessionId),
}

/// The time at which the HTTP library last delivered a request or a probe.
pub(crate) struct Heartbeat(Mutex<Instant>);

impl Heartbeat {
    fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(crate) fn beat(&self) {
        *lock(&self.0) = Instant::now();
    }

    /// The time since the last delivery.
    pub(crate) fn age(&self) -> std::time::Duration {
        lock(&self.0).elapsed()
    }

    /// Whether the last delivery was at most [`HEARTBEAT_MAX`] ago. The library gets a probe when it has been silent for a while.
    pub(crate) fn is_recent(&self) -> bool {
        self.age() < HEARTBEAT_MAX
    }
}

/// An attempt to prove an account by its password.
pub(crate) struct LoginAttempt<'a> {
    pub(crate) from: IpAddr,
    /// The session or the device by which the client is known, if any. Its network may be known even without one.
    pub(crate) origin: Option<Origin>,
    /// The account's email; without an account the folded email.
    pub(crate) email: &'a str,
    /// `None`: there is no such account.
    pub(crate) credentials: Option<&'a Credentials>,
}

impl Context {
    pub(crate) fn new(store: Arc<Store>, signup_rate: u32) -> Result<Self, HashError> {
        Self::with_params(store, signup_rate, HashParams::CURRENT)
    }

    /// A context with other parameters of the hash, for tests that need a faster one.
    pub(crate) fn with_params(
        store: Arc<Store>,
        signup_rate: u32,
        params: HashParams,
    ) -> Result<Self, HashError> {
        let rate = f64::from(signup_rate);
        let signups = (signup_rate > 0).then(|| NetworkBuckets::new(rate, rate / 60.0));
        Ok(Self {
            store,
            hasher: Hasher::new(params, Bounds::of_this_machine())?,
            throttle: Throttle::new(),
            failures: None,
            signup: SignupRule::default(),
            chat: ChatPlace::default(),
            signups,
            mailer: None,
            code_failures: NetworkBuckets::new(CODE_FAILURES, CODE_FAILURES_PER_SECOND),
            exports: Arc::default(),
            files: None,
            file_max: FILE_MAX,
            uploads: Transfers::new(
                UPLOADS_AT_ONCE_MAX,
                "you are sending many files at this moment; wait until one has arrived",
            ),
            downloads: Transfers::new(
                DOWNLOADS_AT_ONCE_MAX,
                "you are fetching many files at this moment; wait until one has arrived",
            ),
            push: PushContext::default(),
            heartbeat: Heartbeat::new(),
            lookups: Buckets::new(LOOKUPS, LOOKUPS_PER_SECOND, BUCKETS_WIDTH),
            changes: Buckets::new(ACCOUNT_CHANGES, ACCOUNT_CHANGES_PER_SECOND, BUCKETS_WIDTH),
            profile_changes: Buckets::new(
                PROFILE_CHANGES,
                PROFILE_CHANGES_PER_SECOND,
                BUCKETS_WIDTH,
            ),
        })
    }

    /// Keeps files of at most `file_max` bytes in this store.
    pub(crate) fn with_files(self, files: Option<FileStore>, file_max: u64) -> Self {
        Self { files, file_max, ..self }
    }

    /// Whether the server can do its job now.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub(crate) fn check_health(&self) -> Result<(), Unhealthy> {
        if !self.heartbeat.is_recent() {
            return Err(Unhealthy::new("not_serving", "the HTTP library takes no requests"));
        }
        metrics::CLOCK_AHEAD.set(self.store.clock_doubt() / 1000);
        metrics::REPLICA_UP.set(i64::from(self.store.is_replica_up() == Some(true)));
        let files = self.files.as_ref().map_or(Ok(()), FileStore::health);
        metrics::FILES_FAILING.set(i64::from(files.is_err()));
        self.store.health().map_err(|it| Unhealthy::new(it.code, it.reason))?;
        files.map_err(|it| Unhealthy::new(it.code, it.reason))
    }

    /// The session of the request's token. Its life is extended, which is stored once an hour.
    ///
    /// # Errors
    /// 401 without a token of a live session; 503 without a database.
    pub(crate) fn session(&self, request: &Request) -> Result<Session, ApiError> {
        let token = request.token.as_ref().ok_or_else(ApiError::unauthorized)?;
        let session = self.store.session_by_token(&token.hash(), request.now)?;
        let session = session.ok_or_else(ApiError::unauthorized)?;
        self.note_use(request, &session);
        Ok(session)
    }

    /// As [`Context::session`], with the session's account.
    ///
    /// # Errors
    /// Those of [`Context::session`].
    pub(crate) fn profile(&self, request: &Request) -> Result<Profile, ApiError> {
        let token = request.token.as_ref().ok_or_else(ApiError::unauthorized)?;
        let profile = self.store.profile_by_token(&token.hash(), request.now)?;
        let profile = profile.ok_or_else(ApiError::unauthorized)?;
        self.note_use(request, &profile.session);
        Ok(profile)
    }

    /// Counts a request that changes something.
    ///
    /// # Errors
    /// 429 above [`ACCOUNT_CHANGES`].
    pub(crate) fn count_change(&self, key: &ChangeKey) -> Result<(), ApiError> {
        let taken = self.changes.take(key, Instant::now());
        taken.map_err(|wait| ApiError::rate_limited("too many changes; wait", wait))
    }

    /// Extends the life of a session that is used, and remembers the network from which it is used.
    fn note_use(&self, request: &Request, session: &Session) {
        // After a restart, and on each node, the networks of an account are soon known again by this.
        self.throttle.let_in(request.address, session.account);
        if request.now - session.seen_at >= TOUCH_INTERVAL_MS {
            let expires_at = request.now + SESSION_MS;
            if let Err(error) = self.store.touch_session(session.id, request.now, expires_at) {
                // The request goes on, since it may only read. The next request of the session tries again.
                tracing::warn!(%error, "the use of a session is not recorded");
            }
        }
    }

    /// Checks a password, under the throttle for wrong ones. A right password returns the slot, to hash with; a
    /// wrong one returns `None`.
    ///
    /// # Errors
    /// 429 if the throttle refuses, before anything is hashed; 503 if too many wait.
    pub(crate) fn verify_password(
        &self,
        attempt: &LoginAttempt<'_>,
        password: &Password,
    ) -> Result<Option<HashSlot<'_>>, ApiError> {
        let (from, email) = (attempt.from, attempt.email);
        let account = attempt.credentials.map(|credentials| credentials.account.id);
        let known = attempt.origin.clone();
        let known = known.or_else(|| account.and_then(|it| self.throttle.known(from, it)));
        let known = known.as_ref();
        let check = || {
            let checked = self.throttle.check(known, from, email, Instant::now());
            checked.map_err(|wait| ApiError::rate_limited("too many wrong passwords; wait", wait))
        };
        check()?;
        let slot = self.acquire_slot(queue_path(known, from, email))?;
        // The throttle is checked again after the wait. So of requests that waited together, only as many as there are cores can
        // fail.
        check()?;
        if slot.is(password, attempt.credentials.map(|credentials| &*credentials.phc))? {
            if let Some(account) = account {
                self.throttle.let_in(from, account);
            }
            return Ok(Some(slot));
        }
        let failure = self.throttle.failed(known, from, email, Instant::now());
        if let Some(failures) = &self.failures {
            failures.note(&failure);
        }
        Ok(None)
    }

    /// Checks the password of the session's own account, as [`Context::verify_password`] does. Returns the account's
    /// credentials, and the slot.
    ///
    /// # Errors
    /// 403 for a wrong password; 429 and 503 as there.
    pub(crate) fn verify_own_password(
        &self,
        request: &Request,
        session: &Session,
        password: &Password,
    ) -> Result<(Credentials, HashSlot<'_>), ApiError> {
        let credentials = self.store.credentials_of(session.account)?;
        let credentials = credentials.ok_or_else(ApiError::unauthorized)?;
        let attempt = LoginAttempt {
            from: request.address,
            origin: Some(Origin::Session(session.id)),
            email: &credentials.account.email,
            credentials: Some(&credentials),
        };
        let slot =
            self.verify_password(&attempt, password)?.ok_or_else(ApiError::wrong_password)?;
        Ok((credentials, slot))
    }

    /// Waits for a slot for hashing.
    ///
    /// # Errors
    /// 503 if too many requests of its key wait.
    pub(crate) fn acquire_slot(&self, path: QueuePath) -> Result<HashSlot<'_>, ApiError> {
        let sentence = "too many are logging in at this moment; try again";
        self.hasher.acquire_slot(path).map_err(|_busy| ApiError::busy(sentence))
    }
}

/// The keys in the queue of a client that asks for the account of this folded email; a stranger unless `known`.
pub(crate) fn queue_path(known: Option<&Origin>, from: IpAddr, email: &str) -> QueuePath {
    match known {
        Some(origin) => vec![QueueKey::Known(email.to_owned()), QueueKey::Origin(origin.clone())],
        None => {
            let networks = Network::levels(from).rev().map(QueueKey::Network);
            networks.chain([QueueKey::Account(email.to_owned())]).collect()
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::internal(&error)
    }
}
