//! What every request needs, and the two questions that several ask.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use door::bucket::Buckets;
use door::network::Network;
use door::network::NetworkBuckets;
use sql::{Credentials, Session, Store};

use crate::exports::Exports;
use crate::limit::{
    BUCKETS_WIDTH, LOOKUPS, LOOKUPS_PER_SECOND, PULSE_MAX, SESSION_MS, TOUCH_INTERVAL_MS,
};
use crate::line::{Parties, Party};
use crate::password::{Bounds, Hasher, Password, Permit, Strength, Unhashed};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::throttle::{Origin, Throttle};

/// What all requests share.
pub(crate) struct Context {
    pub(crate) store: Arc<Store>,
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    /// None: no limit.
    pub(crate) signups: Option<NetworkBuckets>,
    /// By account.
    pub(crate) lookups: Buckets,
    pub(crate) exports: Arc<Exports>,
    pub(crate) pulse: Pulse,
}

/// When the HTTP library last delivered a request.
pub(crate) struct Pulse(Mutex<Instant>);

impl Pulse {
    fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(crate) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether that was lately: after a silence it is sent a request of our own.
    pub(crate) fn beats(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < PULSE_MAX
    }
}

/// Whose password is claimed to be known, and from where.
pub(crate) struct Claim<'a> {
    pub(crate) from: IpAddr,
    /// The session or the device that is known; the network may be all the same.
    pub(crate) origin: Option<Origin>,
    /// As the account keeps it; of one that does not exist its key.
    pub(crate) email: &'a str,
    /// None for an account that does not exist.
    pub(crate) credentials: Option<&'a Credentials>,
}

impl Context {
    pub(crate) fn new(store: Arc<Store>, signup_rate: u32) -> Result<Self, Unhashed> {
        Self::with_strength(store, signup_rate, Strength::TODAY)
    }

    /// With hashes of another strength, for tests that have no time for today's.
    pub(crate) fn with_strength(
        store: Arc<Store>,
        signup_rate: u32,
        strength: Strength,
    ) -> Result<Self, Unhashed> {
        let rate = f64::from(signup_rate);
        let signups = (signup_rate > 0).then(|| NetworkBuckets::new(rate, rate / 60.0));
        Ok(Self {
            store,
            hasher: Hasher::new(strength, Bounds::of_this_machine())?,
            throttle: Throttle::new(),
            signups,
            exports: Arc::default(),
            pulse: Pulse::new(),
            lookups: Buckets::new(LOOKUPS, LOOKUPS_PER_SECOND, BUCKETS_WIDTH),
        })
    }

    /// The session whose token the request shows. Its life is prolonged, written down once an hour.
    ///
    /// # Errors
    /// 401 without a token of a live session; 503 without a database.
    pub(crate) fn session(&self, request: &Request) -> Result<Session, Refusal> {
        let token = request.token.as_ref().ok_or_else(Refusal::unauthorized)?;
        let session = self.store.session_by_token(&token.hash(), request.now)?;
        let session = session.ok_or_else(Refusal::unauthorized)?;
        // So networks are known again soon after a restart, and on each node.
        self.throttle.let_in(request.address, session.account);
        if request.now - session.seen_at >= TOUCH_INTERVAL_MS {
            let expires_at = request.now + SESSION_MS;
            if let Err(error) = self.store.touch_session(session.id, request.now, expires_at) {
                // The next request tries again; this one may only want to read.
                tracing::warn!(%error, "a session's use is not written down");
            }
        }
        Ok(session)
    }

    /// Checks a claimed password, under the brake for wrong ones. If it is right, the permit may be used to hash on;
    /// if it is wrong there is none.
    ///
    /// # Errors
    /// 429 if the brake holds, before anything is hashed; 503 if too many wait.
    pub(crate) fn prove(
        &self,
        claim: &Claim<'_>,
        password: &Password,
    ) -> Result<Option<Permit<'_>>, Refusal> {
        let (from, email) = (claim.from, claim.email);
        let account = claim.credentials.map(|credentials| credentials.account.id);
        let known = claim.origin.clone();
        let known = known.or_else(|| account.and_then(|it| self.throttle.known(from, it)));
        let known = known.as_ref();
        let check = || {
            let checked = self.throttle.check(known, from, email, Instant::now());
            checked.map_err(|wait| Refusal::rate_limited("too many wrong passwords; wait", wait))
        };
        check()?;
        let permit = self.permit(parties(known, from, email))?;
        // Once more: of those who waited together only as many may fail as there are cores.
        check()?;
        if permit.is(password, claim.credentials.map(|credentials| &*credentials.phc))? {
            if let Some(account) = account {
                self.throttle.let_in(from, account);
            }
            return Ok(Some(permit));
        }
        self.throttle.failed(known, from, email, Instant::now());
        Ok(None)
    }

    /// A core to hash on.
    ///
    /// # Errors
    /// 503 if too many of its party wait.
    pub(crate) fn permit(&self, parties: Parties) -> Result<Permit<'_>, Refusal> {
        let sentence = "too many are logging in at this moment; try again";
        self.hasher.permit(parties).map_err(|_busy| Refusal::busy(sentence))
    }
}

/// For whom somebody waits who asks for the account of this folded email; a stranger if it is not `known`.
pub(crate) fn parties(known: Option<&Origin>, from: IpAddr, email: &str) -> Parties {
    match known {
        Some(origin) => vec![Party::Known(email.to_owned()), Party::Origin(origin.clone())],
        None => {
            let networks = Network::levels(from).rev().map(Party::Network);
            networks.chain([Party::Account(email.to_owned())]).collect()
        }
    }
}

impl From<Unhashed> for Refusal {
    fn from(error: Unhashed) -> Self {
        Self::internal(&error)
    }
}
