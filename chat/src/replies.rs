//! Answers, refusals and errors for one connection, appended to its outbox.

use std::sync::Arc;
use std::time::Duration;

use net::Shutdown;
use wire::{Close, Code, ErrorFrame, Frame};

use crate::flow::{EndReason, Flow};
use crate::outbox::Outbox;

pub(crate) struct Replies(Arc<Outbox>);

impl Replies {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self(outbox)
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.0
    }

    /// Appends a frame.
    pub(crate) fn push(&self, frame: &Frame<'_>) {
        self.0.push(frame);
    }

    /// Answers a request that has no result of its own. Without a `ref` there is no answer.
    pub(crate) fn ok(&self, reference: Option<&str>) {
        if let Some(reference) = reference {
            self.push(&Frame::Ok { reference });
        }
    }

    /// Refuses a request.
    pub(crate) fn refuse(&self, code: Code, message: &str, reference: Option<&str>) {
        self.error(code, message, reference, None);
    }

    /// Refuses a request that may be repeated after `wait`.
    pub(crate) fn refuse_for(&self, wait: Duration, message: &str, reference: Option<&str>) {
        // Rounded up: a client that waits exactly this long must not be refused again.
        let retry_after_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        self.error(Code::RateLimited, message, reference, Some(retry_after_ms));
    }

    /// Refuses a request that came too fast.
    pub(crate) fn too_fast(&self, wait: Duration, reference: Option<&str>) {
        self.refuse_for(wait, "too many requests; wait and send it again", reference);
    }

    /// Refuses a request that needs a database, in guest mode.
    pub(crate) fn unsupported(&self, reference: Option<&str>) {
        let message = "this server has no accounts and keeps nothing; start it with a database";
        self.refuse(Code::Unsupported, message, reference);
    }

    /// Refuses a request for which the database could not be read. The connection goes on.
    pub(crate) fn query_error(&self, error: &sql::Error, reference: Option<&str>) {
        tracing::warn!(%error, "a request could not be looked up");
        let message = match error {
            sql::Error::TimedOut(_) => "this took too long; ask for less",
            _ => "the database is not available; try again",
        };
        self.refuse(Code::Unavailable, message, reference);
    }

    /// To be called before each request in a server with accounts: one tick may have many requests, and each may wait.
    ///
    /// # Errors
    /// Another thread has closed the connection.
    pub(crate) fn check_open(&self) -> Flow {
        if self.0.is_ending() { Err(EndReason::AlreadyClosed) } else { Ok(()) }
    }

    /// To be called before a request reads the database, and while it waits for its turn.
    ///
    /// # Errors
    /// Another thread has closed the connection, or the server shuts down.
    pub(crate) fn check_running(&self, shutdown: &Shutdown) -> Flow {
        self.check_open()?;
        if shutdown.has_begun() {
            return Err(EndReason::Close(Close::GoingAway));
        }
        Ok(())
    }

    fn error(
        &self,
        code: Code,
        message: &str,
        reference: Option<&str>,
        retry_after_ms: Option<u64>,
    ) {
        self.push(&Frame::Error(ErrorFrame {
            code,
            message: message.into(),
            reference: reference.map(Into::into),
            retry_after_ms,
        }));
    }
}
