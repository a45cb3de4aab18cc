//! Long answers: when one may be made.

use std::time::Instant;

use rustix::event::PollFlags;
use wire::{AccountId, Close, Code, ErrorFrame, Frame};

use super::{Ending, Flow, Session};
use crate::answers::Turn;
use crate::limit::{ANSWER_BYTES_PER_ACCOUNT, ANSWER_LOOK, REPLAY_LOW_BYTES};
use crate::stall::Stall;

impl<'a> Session<'a> {
    /// To be asked before each request with accounts: a turn may have many, and each may wait.
    ///
    /// # Errors
    /// Another thread has closed the connection.
    pub(crate) fn is_wanted(&self) -> Flow {
        if self.outbox.is_ending() { Err(Ending::Closed) } else { Ok(()) }
    }

    /// To be asked before what reads the database, and while it waits.
    ///
    /// # Errors
    /// Another thread has closed the connection, or the server stops.
    pub(crate) fn has_time(&self) -> Flow {
        self.is_wanted()?;
        if self.server.shutdown.has_begun() {
            return Err(Ending::Close(Close::GoingAway));
        }
        Ok(())
    }

    /// Waits until a long answer may be made, before anything is read for it: until this connection's reader has taken most of
    /// what it asked for before, and the account's other connections leave room. If they do not in time, the request is refused
    /// and there is no turn.
    pub(crate) fn turn_to_answer(
        &mut self,
        me: AccountId,
        reference: Option<&str>,
    ) -> Result<Option<Turn<'a>>, Ending> {
        self.wait_for_reader()?;
        let patience = self.server.patience.answer;
        let deadline = Instant::now() + patience;
        let turn = self.server.answers.take(me, deadline, || self.has_time().is_ok());
        self.has_time()?;
        let message = match turn {
            None => {
                "too many answers are being made for you; wait for some of them, then ask again"
            }
            Some(turn) if self.wait_for_other_readers(me, deadline)? => return Ok(Some(turn)),
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
        self.has_time()?;
        while self.outbox.backlog() >= REPLAY_LOW_BYTES && !self.outbox.flush() {
            self.has_time()?;
            // Not for input, which nobody takes meanwhile.
            if !stall.goes_on(&self.outbox, PollFlags::OUT) {
                return Err(Ending::Closed);
            }
        }
        Ok(())
    }

    /// Whether the account's connections have taken enough of what waits for them. Few wait here at one time: those whose turn
    /// it is.
    fn wait_for_other_readers(&self, me: AccountId, deadline: Instant) -> Result<bool, Ending> {
        loop {
            let mut bytes = 0;
            self.server.hub.each_of(me, |outbox| bytes += outbox.backlog());
            if bytes < ANSWER_BYTES_PER_ACCOUNT {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(ANSWER_LOOK);
            self.has_time()?;
        }
    }
}
