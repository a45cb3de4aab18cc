//! Waiting, on a connection's own thread, for its reader to take the answers to its requests.

use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limit::STALL_MAX;
use crate::outbox::Outbox;

/// One wait. A reader that takes nothing for [`STALL_MAX`] is closed as too slow.
pub(crate) struct Stall {
    /// What waited when the reader last took something, and when that was.
    moved: (usize, Instant),
}

impl Stall {
    pub(crate) fn new() -> Self {
        Self { moved: (usize::MAX, Instant::now()) }
    }

    /// Waits for the socket to take more (or also to bring something, if that is read then), a second at the most. False once
    /// the connection is closed.
    pub(crate) fn wait_for_progress(&mut self, outbox: &Arc<Outbox>, until: PollFlags) -> bool {
        let backlog = outbox.backlog();
        if backlog < self.moved.0 {
            self.moved = (backlog, Instant::now());
        } else if self.moved.1.elapsed() > STALL_MAX {
            outbox.too_slow();
        }
        if outbox.is_ending() {
            return false;
        }
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        let mut socket = [PollFd::new(&**outbox.stream(), until)];
        // An error shows itself at the next send or read.
        let _ = poll(&mut socket, Some(&second));
        true
    }
}
