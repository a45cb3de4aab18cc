//! Waits, on a connection's own thread, until its client reads the answers to its requests.

use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limit::STALL_MAX;
use crate::outbox::Outbox;

/// One wait. A client that reads nothing for [`STALL_MAX`] is closed as too slow.
pub(crate) struct Stall {
    /// The number of waiting bytes when the client last read something, and the time at which it did.
    moved: (usize, Instant),
}

impl Stall {
    pub(crate) fn new() -> Self {
        Self { moved: (usize::MAX, Instant::now()) }
    }

    /// Waits until the socket is writable (or also readable, if the caller reads it then), for a second at most.
    /// Returns false once the connection is closed.
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
        // An error is reported by the next send or read.
        let _ = poll(&mut socket, Some(&second));
        true
    }
}
