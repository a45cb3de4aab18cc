//! Counting what a connection sends, and saying so when it is too much.

use std::time::Duration;

use wire::{Close, Code, ErrorFrame, Frame};

use super::{Connection, EndReason};
use crate::rate_limit::RateKind;
use crate::strikes::TooFast;

impl Connection<'_> {
    /// Counts what has come, before anything is done about it. False if it is one too many, and the client has been told so.
    ///
    /// # Errors
    /// That has happened too often on this connection.
    pub(crate) fn admits(
        &mut self,
        kind: RateKind,
        reference: Option<&str>,
    ) -> Result<bool, EndReason> {
        let Err(wait) = self.rate_limit.take(kind, self.now) else { return Ok(true) };
        match self.strikes.count(wait, self.now) {
            TooFast::Wait(wait) => self.refuse_for(wait, reference),
            TooFast::Enough => return Err(EndReason::Close(Close::FastWriter)),
        }
        Ok(false)
    }

    /// Tells the client to wait.
    pub(crate) fn refuse_for(&self, wait: Duration, reference: Option<&str>) {
        // Rounded up: who waits as told must not be refused again.
        let retry_after_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        self.outbox.push(&Frame::Error(ErrorFrame {
            code: Code::RateLimited,
            message: "too many requests; wait and send it again".into(),
            reference: reference.map(Into::into),
            retry_after_ms: Some(retry_after_ms),
        }));
    }
}
