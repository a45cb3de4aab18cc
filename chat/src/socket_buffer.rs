//! The stream that tungstenite reads and writes.
//!
//! Reading: one *tick* takes what the socket holds and then says "would block", so that many frames of a busy client
//! are handled together and the tick ends. A sleeping connection keeps a buffer of [`READ_BYTES`]; one whose reads fill
//! it reads [`BURST_BYTES`] at once until a read is short again. tungstenite never gets more than the frame that it is
//! reading, so the next one can be read in place if it is [plain](crate::plain_frame). Writing goes into the
//! [`Outbox`], in whole frames, so tungstenite's own pongs and close replies never get into the middle of a frame of
//! another thread.

use std::io::{self, Cursor, Read, Write};
use std::str::Utf8Error;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, OpCode};

use crate::limit::{BURST_BYTES, FRAGMENTS_MAX, READ_BYTES};
use crate::outbox::Outbox;
use crate::plain_frame::{self, PlainFrame};

pub(crate) struct SocketBuffer {
    outbox: Arc<Outbox>,
    /// Bytes read from the socket. Those before `taken` have been passed on.
    ahead: Vec<u8>,
    taken: usize,
    /// Bytes of tungstenite's present frame that have not been passed to it yet.
    left: u64,
    /// That frame is a close frame.
    is_close: bool,
    /// tungstenite has read some fragments of a message, and must get the other ones too.
    is_amid_message: bool,
    /// Fragments of that message so far.
    fragments: usize,
    /// The tick's first read may sleep until there is input.
    may_sleep: bool,
    /// The socket has no more input at the moment.
    is_empty: bool,
    /// The tick slept until the socket's timeout without input.
    timed_out: bool,
    /// There was input in this tick.
    heard: bool,
}

impl SocketBuffer {
    /// `rest`: what the client has sent along with the handshake.
    pub(crate) fn new(outbox: Arc<Outbox>, rest: Vec<u8>) -> Self {
        let ahead = if rest.is_empty() { Vec::with_capacity(READ_BYTES) } else { rest };
        Self {
            outbox,
            ahead,
            taken: 0,
            left: 0,
            is_close: false,
            is_amid_message: false,
            fragments: 0,
            may_sleep: false,
            is_empty: false,
            timed_out: false,
            heard: false,
        }
    }

    /// Begins a tick.
    pub(crate) fn begin(&mut self, may_sleep: bool) {
        if self.taken == self.ahead.len() && self.ahead.len() < READ_BYTES {
            self.resize(READ_BYTES);
        }
        (self.may_sleep, self.is_empty, self.timed_out, self.heard) =
            (may_sleep, false, false, false);
    }

    /// Whether the tick slept until the timeout without input.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether the last frame that was read, also by bytes, is a whole close frame.
    pub(crate) fn has_read_close(&self) -> bool {
        self.is_close && self.left == 0
    }

    /// Whether there was input in this tick.
    pub(crate) fn heard(&self) -> bool {
        self.heard
    }
}

impl SocketBuffer {
    /// The next message, if it is a plain frame and complete in the buffer. Reads the socket if the buffer is empty.
    pub(crate) fn plain(&mut self) -> io::Result<Option<PlainFrame>> {
        if self.left > 0 || self.is_amid_message {
            return Ok(None);
        }
        if self.taken == self.ahead.len() {
            self.fill()?;
        }
        Ok(plain_frame::find(&self.ahead[self.taken..]))
    }

    /// Takes what [`SocketBuffer::plain`] has found.
    pub(crate) fn take(&mut self, frame: &PlainFrame) -> Result<&str, Utf8Error> {
        let bytes = &mut self.ahead[self.taken..];
        self.taken += frame.len();
        frame.text(bytes)
    }

    /// Moves the rest in the buffer to its start, and gives the buffer room for `bytes`.
    fn resize(&mut self, bytes: usize) {
        if self.ahead.capacity() == bytes {
            self.ahead.drain(..self.taken);
        } else {
            let rest = &self.ahead[self.taken..];
            let mut ahead = Vec::with_capacity(bytes.max(rest.len()));
            ahead.extend_from_slice(rest);
            self.ahead = ahead;
        }
        self.taken = 0;
    }

    /// Determines the length of the frame that tungstenite gets next.
    ///
    /// # Errors
    /// `FileTooLarge` for a message in more than [`FRAGMENTS_MAX`] fragments, which could be empty and go on for ever.
    fn begin_frame(&mut self) -> io::Result<()> {
        loop {
            let rest = self.ahead.len() - self.taken;
            let mut cursor = Cursor::new(&self.ahead[self.taken..]);
            match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, length))) => {
                    self.left = length.saturating_add(cursor.position());
                    self.is_close = header.opcode == OpCode::Control(Control::Close);
                    if let OpCode::Data(_) = header.opcode {
                        self.is_amid_message = !header.is_final;
                        self.fragments = if header.is_final { 0 } else { self.fragments + 1 };
                        if self.fragments > FRAGMENTS_MAX {
                            self.left = u64::MAX; // What follows is only thrown away.
                            return Err(io::ErrorKind::FileTooLarge.into());
                        }
                    }
                    return Ok(());
                }
                Ok(None) => self.fill()?,
                Err(_) => break,
            }
            if self.ahead.len() == rest {
                break; // The end of the input.
            }
        }
        // An invalid header: tungstenite gets everything, and reports the error.
        self.left = u64::MAX;
        Ok(())
    }

    /// Reads the socket into the buffer.
    fn fill(&mut self) -> io::Result<()> {
        if self.is_empty {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let is_full = self.ahead.len() == self.ahead.capacity();
        self.resize(if is_full { BURST_BYTES } else { self.ahead.capacity() });
        loop {
            let flags = if self.may_sleep { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
            let size = self.ahead.capacity() - self.ahead.len();
            let room = rustix::buffer::spare_capacity(&mut self.ahead);
            match rustix::net::recv(&**self.outbox.stream(), room, flags) {
                // The end comes from our own `shutdown`, which wakes this thread. The connection finds the reason, and
                // more input may follow.
                Ok((0, _)) if self.outbox.has_ended_reading() => {
                    self.is_empty = true;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok((count, _)) => {
                    self.may_sleep = false;
                    self.heard |= count > 0;
                    // A short read has emptied the socket; asking again would cost a system call to learn it. Its end
                    // can be read as often as one likes.
                    self.is_empty = (1..size).contains(&count);
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

impl Read for SocketBuffer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.begin_frame()?;
        } else if self.taken == self.ahead.len() {
            self.fill()?;
        }
        let rest = &self.ahead[self.taken..];
        let count = rest.take(self.left).read(buffer)?;
        self.taken += count;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Write for SocketBuffer {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.outbox.push_raw(frames);
        Ok(frames.len())
    }

    /// Does nothing: the connection flushes its outbox once a tick.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
