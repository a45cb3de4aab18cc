//! Lingering close for the accept thread: refuses a connection without waiting for the client.

use std::collections::VecDeque;
use std::net::{Shutdown as Direction, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, SendFlags};

use crate::deadline;
use crate::limit::{LINGER, LINGERING_MAX};

/// Refused sockets, which are kept open for a moment. Closing a socket with unread input sends a reset, and the client may get
/// the reset before the answer.
#[derive(Default)]
pub(crate) struct LingeringClose(VecDeque<(Instant, Arc<TcpStream>)>);

impl LingeringClose {
    /// Sends the part of `reply` that the socket takes at once, and keeps the socket open for a moment.
    pub(crate) fn send_and_close(&mut self, stream: Arc<TcpStream>, reply: &[u8]) {
        // The buffer of a new socket is empty, so a short reply always fits. If the client has left, the reply is not needed.
        let _ = rustix::net::send(&*stream, reply, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        let _ = stream.shutdown(Direction::Write);
        if self.0.len() >= LINGERING_MAX {
            self.close_first();
        }
        self.0.push_back((Instant::now() + LINGER, stream));
    }

    /// Waits until `listener` has a new connection or has been shut down. Meanwhile closes the sockets whose time is over.
    pub(crate) fn wait(&mut self, listener: impl AsFd) {
        while let Some((due, _)) = self.0.front() {
            match deadline::is_ready(&listener, PollFlags::IN, *due) {
                // accept(2) will report the error.
                Ok(true) | Err(_) => break,
                Ok(false) => self.close_first(),
            }
        }
    }

    /// Closes all sockets now, because their descriptors are needed.
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
