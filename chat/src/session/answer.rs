//! Long answers: when one may be made.

use std::time::Instant;

use rustix::event::PollFlags;
use wire::{AccountId, Close, Code, ErrorFrame, Frame};

use super::{Ending, Flow, Session};
use crate::answers::Turn;
use crate::limit::{ANSWER_BYTES_PER_ACCOUNT, ANSWER_LOOK, ANSWER_WAIT_MAX, REPLAY_LOW_BYTES};
use crate::stall::Stall;

impl<'a> Session<'a> {
    /// Waits until a long answer may be made, before anything is read for it: until this connection's reader has taken most of
    /// what it asked for before, and the account's other connections leave room. If they do not in time, the request is refused
    /// and there is no turn.
    pub(crate) fn turn_to_answer(
        &mut self,
        me: AccountId,
        reference: Option<&str>,
    ) -> Result<Option<Turn<'a>>, Ending> {
        self.wait_for_reader()?;
        let deadline = Instant::now() + ANSWER_WAIT_MAX;
        if let Some(turn) = self.server.answers.take(me, deadline)
            && self.wait_for_other_readers(me, deadline)
        {
            return Ok(Some(turn));
        }
        self.outbox.push(&Frame::Error(ErrorFrame {
            code: Code::RateLimited,
            message:
                "your other connections have not read their answers; read them, then ask again"
                    .into(),
            reference: reference.map(Into::into),
            retry_after_ms: u64::try_from(ANSWER_WAIT_MAX.as_millis()).ok(),
        }));
        Ok(None)
    }

    fn wait_for_reader(&self) -> Flow {
        let mut stall = Stall::new();
        while self.outbox.backlog() >= REPLAY_LOW_BYTES && !self.outbox.flush() {
            if self.server.shutdown.has_begun() {
                return Err(Ending::Close(Close::GoingAway));
            }
            // Not for input, which nobody takes meanwhile.
            if !stall.goes_on(&self.outbox, PollFlags::OUT) {
                return Err(Ending::Closed);
            }
        }
        Ok(())
    }

    /// Whether the account's connections have taken enough of what waits for them. Few wait here at one time: those whose turn
    /// it is.
    fn wait_for_other_readers(&self, me: AccountId, deadline: Instant) -> bool {
        loop {
            let mut bytes = 0;
            self.server.hub.each_of(me, |outbox| bytes += outbox.backlog());
            if bytes < ANSWER_BYTES_PER_ACCOUNT {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(ANSWER_LOOK);
        }
    }
}
