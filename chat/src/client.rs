//! The client of a connection: its identity and its rate limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use wire::{AccountId, Close, Seq, SessionId};

use crate::flow::EndReason;
use crate::limit::SEEN_EVERY;
use crate::rate_limit::{RateKind, RateLimit};
use crate::replies::Replies;
use crate::strikes::{Strikes, TooFast};

/// The identity of a client.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Identity {
    /// The client has not authenticated yet.
    Unknown {
        /// The time at which the connection is closed if it has not authenticated.
        deadline: Instant,
        /// The address of the client.
        address: IpAddr,
    },
    /// The client's account. In guest mode: the guest's number.
    Known(AccountId),
}

/// One connection's client.
pub(crate) struct Client {
    pub(crate) identity: Identity,
    /// The session of the token. Guests have none.
    session: Option<SessionId>,
    /// The last event that the client has acknowledged on this connection. At first, the last event that it had before.
    received: Seq,
    /// The time at which the use of the session was last recorded.
    use_recorded: Instant,
    /// The rate limit of the account, which all its connections share. Before the hello: that of the connection.
    rate_limit: Arc<RateLimit>,
    strikes: Strikes,
}

impl Client {
    /// A client that has not authenticated.
    pub(crate) fn new(deadline: Instant, address: IpAddr, rate_limit: Arc<RateLimit>) -> Self {
        Self {
            identity: Identity::Unknown { deadline, address },
            session: None,
            received: Seq(0),
            use_recorded: Instant::now(),
            rate_limit,
            strikes: Strikes::new(),
        }
    }

    /// Sets the account of the client after a valid hello.
    pub(crate) fn identify(
        &mut self,
        id: AccountId,
        session: Option<SessionId>,
        rate_limit: Arc<RateLimit>,
    ) {
        self.identity = Identity::Known(id);
        self.session = session;
        self.rate_limit = rate_limit;
    }

    /// The account, or the guest's number, once it is known.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self.identity {
            Identity::Known(account) => Some(account),
            Identity::Unknown { .. } => None,
        }
    }

    /// Records that the client has acknowledged the events up to this one.
    pub(crate) fn record_received(&mut self, seq: Seq) {
        self.received = self.received.max(seq);
    }

    /// The client's session, and the last event that the client has acknowledged.
    pub(crate) fn session(&self) -> Option<(SessionId, Seq)> {
        Some((self.session?, self.received))
    }

    pub(crate) fn rate_limit(&self) -> &Arc<RateLimit> {
        &self.rate_limit
    }

    /// Counts a frame before it is handled. Returns `false` if it exceeds the rate; the client has then got the error.
    ///
    /// # Errors
    /// The connection has too many strikes.
    pub(crate) fn admits(
        &mut self,
        kind: RateKind,
        now: Instant,
        replies: &Replies,
        reference: Option<&str>,
    ) -> Result<bool, EndReason> {
        let Err(wait) = self.rate_limit.take(kind, now) else { return Ok(true) };
        match self.strikes.count(wait, now) {
            TooFast::Wait(wait) => replies.too_fast(wait, reference),
            TooFast::Enough => return Err(EndReason::Close(Close::FastWriter)),
        }
        Ok(false)
    }

    /// The session, if its use must be recorded again. From then on it counts as recorded.
    pub(crate) fn use_to_record(&mut self) -> Option<SessionId> {
        let session = self.session.filter(|_| self.use_recorded.elapsed() >= SEEN_EVERY)?;
        self.use_recorded = Instant::now();
        Some(session)
    }
}
