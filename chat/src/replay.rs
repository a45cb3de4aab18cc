//! Reading the log back to a connection that was away, on the connection's own thread.
//!
//! Events are fetched page by page and only while little waits to be sent, so that a long log needs no memory and a slow
//! reader slows only itself. Meanwhile the committer keeps live events away ([`crate::outbox::Feed::Replaying`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sql::{Event, Store};
use wire::{AccountId, Seq};

use crate::feeder::frame;
use crate::limit::{REPLAY_LOW_BYTES, REPLAY_PAGE, STALL_MAX};
use crate::outbox::Outbox;

pub(crate) struct Replay {
    account: AccountId,
    /// The last event fetched.
    since: Seq,
    fetched: VecDeque<Event>,
    /// What waited when the reader last took something, and when that was.
    moved: (usize, Instant),
}

/// How far a replay has come.
pub(crate) enum Progress {
    /// Everything is out; events are live from here.
    Live,
    /// There is more.
    More,
    /// The log cannot be read: the client is to come back.
    Unavailable,
    /// The connection has been closed.
    Ended,
}

impl Replay {
    pub(crate) fn new(account: AccountId, since: Seq) -> Self {
        Self { account, since, fetched: VecDeque::new(), moved: (0, Instant::now()) }
    }

    /// Sends as much as the reader takes now; if it takes nothing, waits until it does or has something to say.
    pub(crate) fn step(&mut self, store: &Store, outbox: &Arc<Outbox>) -> Progress {
        while outbox.backlog() < REPLAY_LOW_BYTES {
            self.moved = (usize::MAX, Instant::now());
            if let Some(event) = self.fetched.pop_front() {
                outbox.push(&frame(&event));
                continue;
            }
            if outbox.is_ending() {
                return Progress::Ended;
            }
            match store.events(self.account, self.since, REPLAY_PAGE) {
                Ok(events) => self.fetched = events.into(),
                Err(error) => {
                    tracing::warn!(%error, "a replay stopped");
                    return Progress::Unavailable;
                }
            }
            match self.fetched.back() {
                Some(last) => self.since = last.seq(),
                None if outbox.go_live(self.since) => {
                    outbox.flush();
                    return Progress::Live;
                }
                None => {} // Something was committed since: it is in the log now.
            }
        }
        if outbox.flush() {
            return Progress::More;
        }
        let backlog = outbox.backlog();
        if backlog < self.moved.0 {
            self.moved = (backlog, Instant::now());
        } else if self.moved.1.elapsed() > STALL_MAX {
            outbox.too_slow();
        }
        if outbox.is_ending() {
            return Progress::Ended;
        }
        wait(outbox);
        Progress::More
    }
}

/// Waits for the socket to take more or to bring something, a second at the most.
fn wait(outbox: &Outbox) {
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut socket = [PollFd::new(&**outbox.stream(), PollFlags::IN | PollFlags::OUT)];
    // An error shows itself at the next send or read.
    let _ = poll(&mut socket, Some(&second));
}
