//! What every request needs, and the two questions that several ask.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use door::bucket::Buckets;
use door::network::Network;
use sql::{Session, Store};
use wire::AccountId;

use crate::exports::Exports;
use crate::limit::{KEYS_MAX, LOOKUPS, LOOKUPS_PER_SECOND, SESSION_MS, TOUCH_INTERVAL_MS};
use crate::password::{Bounds, Hasher, Password, Permit, Strength, Unhashed};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::throttle::Throttle;

/// What all requests share.
pub(crate) struct Context {
    pub(crate) store: Arc<Store>,
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    /// None: no limit.
    pub(crate) signups: Option<Buckets<Network>>,
    pub(crate) lookups: Buckets<AccountId>,
    pub(crate) exports: Arc<Exports>,
}

/// Whose password is claimed to be known, and from where.
pub(crate) struct Claim<'a> {
    pub(crate) from: IpAddr,
    /// Case-folded.
    pub(crate) email: &'a str,
    /// The stored hash; none for an account that does not exist.
    pub(crate) phc: Option<&'a str>,
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
        let signups = (signup_rate > 0).then(|| Buckets::new(rate, rate / 60.0, KEYS_MAX));
        Ok(Self {
            store,
            hasher: Hasher::new(strength, Bounds::of_this_machine())?,
            throttle: Throttle::new(),
            signups,
            exports: Arc::default(),
            lookups: Buckets::new(LOOKUPS, LOOKUPS_PER_SECOND, KEYS_MAX),
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
        let check = || {
            let checked = self.throttle.check(claim.from, claim.email, Instant::now());
            checked.map_err(|wait| Refusal::rate_limited("too many wrong passwords; wait", wait))
        };
        check()?;
        let permit = self.permit()?;
        // Once more: of those who waited together only as many may fail as there are cores.
        check()?;
        if permit.is(password, claim.phc)? {
            self.throttle.succeeded(claim.from, claim.email);
            return Ok(Some(permit));
        }
        self.throttle.failed(claim.from, claim.email, Instant::now());
        Ok(None)
    }

    /// A core to hash on.
    ///
    /// # Errors
    /// 503 if too many wait.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Refusal> {
        let sentence = "too many are logging in at this moment; try again";
        self.hasher.permit().map_err(|_busy| Refusal::busy(sentence))
    }
}

impl From<Unhashed> for Refusal {
    fn from(error: Unhashed) -> Self {
        Self::internal(&error)
    }
}
