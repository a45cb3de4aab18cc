//! The stream that tungstenite reads and writes.
//!
//! Reading: one *turn* takes what the socket holds and then says "would block", so that a busy peer's many frames are
//! handled together and its turn ends. A sleeping connection keeps [`READ_BYTES`]; one whose reads come back full reads
//! [`BURST_BYTES`] at once until it has quietened down. Writing goes into the [`Outbox`], in whole frames: tungstenite's own pongs and
//! close replies never meet a frame of another thread halfway.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::limit::{BURST_BYTES, READ_BYTES};
use crate::outbox::Outbox;

pub(crate) struct Pipe {
    outbox: Arc<Outbox>,
    /// Taken from the socket; what lies before `taken` has been handed on.
    ahead: Vec<u8>,
    taken: usize,
    /// The turn's first read may sleep until something comes.
    may_sleep: bool,
    /// The socket has nothing more just now.
    is_empty: bool,
    /// The turn slept until the socket's time-out, and nothing came.
    timed_out: bool,
    /// Something came in this turn.
    heard: bool,
}

impl Pipe {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            ahead: Vec::with_capacity(READ_BYTES),
            taken: 0,
            may_sleep: false,
            is_empty: false,
            timed_out: false,
            heard: false,
        }
    }

    /// Begins a turn.
    pub(crate) fn begin(&mut self, may_sleep: bool) {
        if self.taken == self.ahead.len() && self.ahead.len() < READ_BYTES {
            self.resize(READ_BYTES);
        }
        (self.may_sleep, self.is_empty, self.timed_out, self.heard) =
            (may_sleep, false, false, false);
    }

    /// Whether the turn slept and nothing came.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether anything came in this turn.
    pub(crate) fn heard(&self) -> bool {
        self.heard
    }
}

impl Pipe {
    /// Gives the empty buffer another size.
    fn resize(&mut self, bytes: usize) {
        if self.ahead.capacity() != bytes {
            self.ahead = Vec::with_capacity(bytes);
            self.taken = 0;
        }
    }

    /// Fills the empty buffer from the socket.
    fn fill(&mut self) -> io::Result<()> {
        if self.is_empty {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.ahead.len() == READ_BYTES {
            self.resize(BURST_BYTES);
        }
        loop {
            let flags = if self.may_sleep { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
            self.ahead.clear();
            self.taken = 0;
            let room = rustix::buffer::spare_capacity(&mut self.ahead);
            match rustix::net::recv(&**self.outbox.stream(), room, flags) {
                // Our own `shutdown` to wake this thread: the session sees why, and the socket may still bring something.
                Ok((0, _)) if self.outbox.has_ended_reading() => {
                    self.is_empty = true;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok((count, _)) => {
                    self.may_sleep = false;
                    self.heard |= count > 0;
                    // A short read has emptied the socket; asking again would cost a system call to learn it.
                    self.is_empty = count < self.ahead.capacity();
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.timed_out = self.may_sleep;
                    self.is_empty = true;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ahead.len() {
            self.fill()?;
        }
        let count = (&self.ahead[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.outbox.push_raw(frames);
        Ok(frames.len())
    }

    /// The session flushes once a turn.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
