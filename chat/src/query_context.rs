//! The context of a query: the account, the connection for the answer, and the slot for a long answer.
//!
//! Answers to queries are long. So only a few of one account are generated at a time, and its clients must have read
//! the earlier ones.

use std::thread;
use std::time::Instant;

use rustix::event::PollFlags;
use sql::{Reader, Store};
use wire::{AccountId, Code, Frame};

use crate::flow::{EndReason, Flow};
use crate::limit::{ANSWER_BYTES_PER_ACCOUNT, REPLAY_LOW_BYTES};
use crate::long_answers::AnswerSlot;
use crate::metrics;
use crate::replies::Replies;
use crate::server::{Accounts, Server};
use crate::stall::Stall;

/// The account that asks, and the connection for the answer.
pub(crate) struct QueryContext<'a> {
    pub(crate) server: &'a Server,
    pub(crate) accounts: &'a Accounts,
    pub(crate) replies: &'a Replies,
    pub(crate) me: AccountId,
    pub(crate) reference: Option<&'a str>,
}

impl<'a> QueryContext<'a> {
    /// Appends the answer.
    pub(crate) fn push(&self, frame: &Frame<'_>) {
        self.replies.outbox().push_long(frame);
    }

    /// Reads for the account, from the replica if it has all events that were sent to this connection.
    pub(crate) fn read<T>(
        &self,
        read: impl Fn(&Store, Reader<'_>) -> sql::Result<T>,
    ) -> sql::Result<T> {
        let store = &self.accounts.store;
        let told = self.replies.outbox().told();
        let (source, found) = store.read_replicated(self.me, told, |reader| read(store, reader));
        if let Some(word) = source.word() {
            metrics::REPLICA_READS.inc(word);
        }
        found
    }

    pub(crate) fn refuse(&self, code: Code, message: &str) {
        self.replies.refuse(code, message, self.reference);
    }

    /// Appends the error for a failed read of the database.
    pub(crate) fn error(&self, error: &sql::Error) {
        self.replies.query_error(error, self.reference);
    }

    /// Waits until a long answer may be generated: until this connection's client has read most of the earlier answers,
    /// and the bytes that wait for the account's other connections are few enough. If that takes too long, refuses the
    /// request and returns no slot. To be called before the database is read.
    pub(crate) fn acquire_slot(&self) -> Result<Option<AnswerSlot<'a>>, EndReason> {
        self.wait_for_reader()?;
        let patience = self.server.timeouts.answer;
        let deadline = Instant::now() + patience;
        let own = self.replies.outbox();
        let slot = self.server.long_answers.take(self.me, deadline, || {
            own.watch();
            self.check_running().is_ok()
        });
        own.unwatch();
        self.check_running()?;
        let message = match slot {
            None => {
                "too many answers are being made for you; wait for some of them, then ask again"
            }
            Some(slot) if self.wait_for_other_readers(deadline)? => return Ok(Some(slot)),
            Some(_) => "your connections have not read their answers; read them, then ask again",
        };
        self.replies.refuse_for(patience, message, self.reference);
        Ok(None)
    }

    fn check_running(&self) -> Flow {
        self.replies.check_running(&self.server.shutdown)
    }

    fn wait_for_reader(&self) -> Flow {
        let outbox = self.replies.outbox();
        let mut stall = Stall::new();
        self.check_running()?;
        while outbox.backlog() >= REPLAY_LOW_BYTES && !outbox.flush() {
            self.check_running()?;
            // Waits for room only: input is not read meanwhile.
            if !stall.wait_for_progress(outbox, PollFlags::OUT) {
                return Err(EndReason::AlreadyClosed);
            }
        }
        Ok(())
    }

    /// Waits until few enough bytes wait for the account's connections. Returns whether they were few enough in time.
    /// Only threads with a slot wait here, which are few.
    fn wait_for_other_readers(&self, deadline: Instant) -> Result<bool, EndReason> {
        let outcome = loop {
            // The hub may no longer have this connection, whose end must end the wait.
            self.replies.outbox().watch();
            let mut bytes = 0;
            self.server.hub.for_each_of(self.me, |outbox| bytes += outbox.watch());
            if let Err(end) = self.check_running() {
                break Err(end);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if bytes < ANSWER_BYTES_PER_ACCOUNT || left.is_zero() {
                break Ok(bytes < ANSWER_BYTES_PER_ACCOUNT);
            }
            thread::park_timeout(left);
        };
        self.server.hub.for_each_of(self.me, |outbox| outbox.unwatch());
        self.replies.outbox().unwatch();
        outcome
    }
}
