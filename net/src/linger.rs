//! Refusing a connection without waiting: for the accept thread, which must never wait for a client.

use std::collections::VecDeque;
use std::net::{Shutdown as Direction, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};

use crate::deadline;
use crate::limit::{LINGER, LINGERING_MAX};

/// Refused sockets, kept open a moment: closing one with unread input sends a reset, and the reset may
/// overtake the answer.
#[derive(Default)]
pub(crate) struct LingeringClose(VecDeque<(Instant, Arc<TcpStream>)>);

impl LingeringClose {
    /// Sends `reply` as far as the socket takes it at once, and keeps the socket for a moment.
    pub(crate) fn send_and_close(&mut self, stream: Arc<TcpStream>, reply: &[u8]) {
        // A new socket's buffer is empty: a short reply always fits. Who has left does not care.
        let _ = rustix::net::send(&*stream, reply, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        let _ = stream.shutdown(Direction::Write);
        if self.0.len() >= LINGERING_MAX {
            self.close_first();
        }
        self.0.push_back((Instant::now() + LINGER, stream));
    }

    /// Waits until `listener` has a request, or has been shut down; meanwhile closes what is due.
    pub(crate) fn wait(&mut self, listener: impl AsFd) {
        while let Some((due, _)) = self.0.front() {
            match deadline::is_ready(&listener, PollFlags::IN, *due) {
                // accept will tell what is the matter.
                Ok(true) | Err(_) => break,
                Ok(false) => self.close_first(),
            }
        }
    }

    /// Closes all at once: their descriptors are needed.
    pub(crate) fn clear(&mut self) {
        while !self.0.is_empty() {
            self.close_first();
        }
    }

    fn close_first(&mut self) {
        if let Some((_, stream)) = self.0.pop_front() {
            // Takes in what came meanwhile, so that the close is a close and not a reset.
            let mut scrap = [0; 4096];
            let _ = rustix::net::recv(&*stream, &mut scrap[..], RecvFlags::DONTWAIT);
        }
    }
}
