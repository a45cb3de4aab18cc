//! Long answers: when one may be made.

use std::time::Instant;

use rustix::event::PollFlags;
use wire::{AccountId, Close, Code, ErrorFrame, Frame};

use super::{Connection, EndReason, Flow};
use crate::limit::{ANSWER_BYTES_PER_ACCOUNT, ANSWER_LOOK, REPLAY_LOW_BYTES};
use crate::long_answers::AnswerSlot;
use crate::stall::Stall;

impl<'a> Connection<'a> {
    /// To be asked before each request with accounts: a tick may have many, and each may wait.
    ///
    /// # Errors
    /// Another thread has closed the connection.
    pub(crate) fn check_open(&self) -> Flow {
        if self.outbox.is_ending() { Err(EndReason::AlreadyClosed) } else { Ok(()) }
    }

    /// To be asked before what reads the database, and while it waits.
    ///
    /// # Errors
    /// Another thread has closed the connection, or the server stops.
    pub(crate) fn check_running(&self) -> Flow {
        self.check_open()?;
        if self.server.shutdown.has_begun() {
            return Err(EndReason::Close(Close::GoingAway));
        }
        Ok(())
    }

    /// Waits until a long answer may be made, before anything is read for it: until this connection's reader has taken most of
    /// what it asked for before, and the account's other connections leave room. If they do not in time, the request is refused
    /// and there is no slot.
    pub(crate) fn acquire_answer_slot(
        &mut self,
        me: AccountId,
        reference: Option<&str>,
    ) -> Result<Option<AnswerSlot<'a>>, EndReason> {
        self.wait_for_reader()?;
        let patience = self.server.timeouts.answer;
        let deadline = Instant::now() + patience;
        let slot = self.server.long_answers.take(me, deadline, || self.check_running().is_ok());
        self.check_running()?;
        let message = match slot {
            None => {
                "too many answers are being made for you; wait for some of them, then ask again"
            }
            Some(slot) if self.wait_for_other_readers(me, deadline)? => return Ok(Some(slot)),
            Some(_) => "your connections have not read their answers; read them, then ask again",
        };
        self.outbox.push(&Frame::Error(ErrorFrame {
            code: Code::RateLimited,
            message: message.into(),
            reference: reference.map(Into::into),
            retry_after_ms: u64::try_from(patience.as_millis()).ok(),
        }));
        Ok(None)
    }

    fn wait_for_reader(&self) -> Flow {
        let mut stall = Stall::new();
        self.check_running()?;
        while self.outbox.backlog() >= REPLAY_LOW_BYTES && !self.outbox.flush() {
            self.check_running()?;
            // Not for input, which nobody takes meanwhile.
            if !stall.wait_for_progress(&self.outbox, PollFlags::OUT) {
                return Err(EndReason::AlreadyClosed);
            }
        }
        Ok(())
    }

    /// Whether the account's connections have taken enough of what waits for them. Few wait here at one time: those whose slot
    /// it is.
    fn wait_for_other_readers(&self, me: AccountId, deadline: Instant) -> Result<bool, EndReason> {
        loop {
            let mut bytes = 0;
            self.server.hub.for_each_of(me, |outbox| bytes += outbox.backlog());
            if bytes < ANSWER_BYTES_PER_ACCOUNT {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(ANSWER_LOOK);
            self.check_running()?;
        }
    }
}
