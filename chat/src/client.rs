//! Who is at the other end of a connection, and how much they may send.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use wire::{AccountId, Close, SessionId};

use crate::flow::EndReason;
use crate::limit::SEEN_EVERY;
use crate::rate_limit::{RateKind, RateLimit};
use crate::replies::Replies;
use crate::strikes::{Strikes, TooFast};

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Identity {
    /// There was no valid hello yet.
    Unknown {
        /// When the connection is closed unless there is one.
        deadline: Instant,
        /// The address of the client.
        address: IpAddr,
    },
    /// An account, or in guest mode a guest's number.
    Known(AccountId),
}

/// One connection's client.
pub(crate) struct Client {
    pub(crate) identity: Identity,
    /// The login session of the token; guests have none.
    session: Option<SessionId>,
    /// When the use of the session was recorded last.
    use_recorded: Instant,
    /// The account's, which all its connections share; before the hello the connection's own.
    rate_limit: Arc<RateLimit>,
    strikes: Strikes,
}

impl Client {
    /// A client that has not said hello.
    pub(crate) fn new(deadline: Instant, address: IpAddr, rate_limit: Arc<RateLimit>) -> Self {
        Self {
            identity: Identity::Unknown { deadline, address },
            session: None,
            use_recorded: Instant::now(),
            rate_limit,
            strikes: Strikes::new(),
        }
    }

    /// The client has said a valid hello.
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

    pub(crate) fn rate_limit(&self) -> &Arc<RateLimit> {
        &self.rate_limit
    }

    /// Counts a frame before anything is done about it. False if it is one too many; the client has then been told so.
    ///
    /// # Errors
    /// That has happened too often on this connection.
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

    /// The session, if it is time to record again that it is in use; it counts as recorded then.
    pub(crate) fn use_to_record(&mut self) -> Option<SessionId> {
        let session = self.session.filter(|_| self.use_recorded.elapsed() >= SEEN_EVERY)?;
        self.use_recorded = Instant::now();
        Some(session)
    }
}
