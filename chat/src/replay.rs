//! Reading the log back to a connection that was away, on the connection's own thread.
//!
//! Events are fetched page by page and only while little waits to be sent, so that a long log needs no memory and a
//! slow reader slows only itself. Meanwhile its outbox keeps live events away
//! ([`crate::outbox::LogCursor::Replaying`]).

use std::collections::VecDeque;
use std::sync::Arc;

use rustix::event::PollFlags;
use sql::{Error, Event, Store};
use wire::{AccountId, Seq};

use crate::event::log_frame;
use crate::limit::{REPLAY_LOW_BYTES, REPLAY_PAGE};
use crate::outbox::Outbox;
use crate::stall::Stall;

pub(crate) struct Replay {
    account: AccountId,
    /// The last event fetched.
    since: Seq,
    /// The last event of the log when the replay began.
    head: Seq,
    fetched: VecDeque<Event>,
    stall: Stall,
}

/// The state of a replay.
pub(crate) enum Progress {
    /// All events are sent. From here on the connection gets live events.
    Live,
    /// There are more events.
    More,
    /// The log cannot be read. The client must reconnect.
    Unavailable,
    /// The log is damaged. Reconnecting at once would not help.
    Broken,
    /// The connection has been closed.
    Ended,
}

impl Replay {
    pub(crate) fn new(account: AccountId, since: Seq, head: Seq) -> Self {
        Self { account, since, head, fetched: VecDeque::new(), stall: Stall::new() }
    }

    /// Sends as many events as the client reads now. If the client reads nothing, waits until it reads or sends something.
    pub(crate) fn step(&mut self, store: &Store, outbox: &Arc<Outbox>) -> Progress {
        while outbox.backlog() < REPLAY_LOW_BYTES {
            self.stall = Stall::new();
            if let Some(event) = self.fetched.pop_front() {
                outbox.push(&log_frame(self.account, &event));
                continue;
            }
            if outbox.is_ending() {
                return Progress::Ended;
            }
            match store.events(self.account, self.since, REPLAY_PAGE) {
                // The log was trimmed meanwhile. The client reconnects, and its hello says so.
                Ok(events)
                    if events.first().is_some_and(|first| first.seq != self.since.next()) =>
                {
                    return Progress::Unavailable;
                }
                Ok(events) => self.fetched = events.into(),
                Err(error @ (Error::Internal(_) | Error::Corrupted(_))) => {
                    tracing::error!(%error, account = %self.account, "a log cannot be read");
                    return Progress::Broken;
                }
                Err(error) => {
                    tracing::warn!(%error, "a replay failed: the database cannot be read");
                    return Progress::Unavailable;
                }
            }
            match self.fetched.back() {
                Some(last) => self.since = last.seq,
                None if self.since < self.head => return Progress::Unavailable,
                None if outbox.go_live(self.since) => {
                    outbox.flush();
                    return Progress::Live;
                }
                None => {} // Further events were committed since, and are in the log.
            }
        }
        if outbox.flush() {
            return Progress::More;
        }
        match self.stall.wait_for_progress(outbox, PollFlags::IN | PollFlags::OUT) {
            true => Progress::More,
            false => Progress::Ended,
        }
    }
}

#[cfg(test)]
mod tests;
