//! The outgoing queue of one connection.
//!
//! Any thread may append a frame, and none ever waits for the client. The thread that has appended calls
//! [`Outbox::flush`]: one `send` that does not block, for all waiting frames. If the socket does not take all of them,
//! the rest is left to the [drainer](crate::drainer). If the queue exceeds its bounds, the slow client is closed with
//! 4409; with accounts it finds everything in the log.
//!
//! The outbox also knows which event of the account's log comes next ([`LogCursor`]), so that each event is sent once
//! and in order.
//!
//! Its `Mutex` is held for memory copies only, never while the socket is written. No other lock is taken under it.

mod closing;
mod cursor;
mod frames;
mod slow;

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, PoisonError};

use net::Permit;
use rustix::net::SendFlags;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use wire::{Close, Frame};

use crate::drainer::Drainer;
use crate::limit::{BEGUN_BYTES_MAX, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX};
use crate::metrics;
use crate::sync::{self, AtomicBool, Mutex, MutexGuard, Thread};

pub(crate) use cursor::{Delivery, LogCursor};
pub(crate) use frames::Frames;
use frames::{frame, frame_end, frames_from};

pub(crate) struct Outbox {
    /// The connection's number.
    id: u64,
    stream: Arc<TcpStream>,
    drainer: Drainer,
    state: Mutex<State>,
    ended_reading: AtomicBool,
    /// The connection's permit. It is released together with the socket, so a socket that only the drainer still holds counts, too.
    /// `None` in tests.
    permit: Option<Permit>,
}

#[derive(Default)]
struct State {
    /// Whole frames, except that the first `begun` bytes are the rest of a partly sent frame.
    waiting: Vec<u8>,
    begun: usize,
    /// Frames in `waiting`.
    frames: usize,
    /// Bytes and frames that a `flush` has taken out and not sent yet.
    in_flight: (usize, usize),
    /// Answers that must not overtake the events of a replay. They are sent after it.
    held: Vec<u8>,
    writer: Writer,
    end: End,
    /// The connection was closed early: of the waiting frames only a partly sent one is finished.
    is_cut_short: bool,
    cursor: LogCursor,
    /// The connection's thread, while it waits until the close frame is sent.
    closer: Option<Thread>,
    /// Threads that wait until fewer bytes wait here, or the connection ends.
    watchers: Vec<Thread>,
}

/// The thread that sends the waiting frames.
#[derive(Default, PartialEq)]
enum Writer {
    /// The thread that appends next.
    #[default]
    Nobody,
    /// A thread that is in `flush` at the moment.
    Flush,
    /// The drainer, once the socket takes more.
    Drainer,
}

/// Whether further frames may be appended.
#[derive(Clone, Copy, Default, PartialEq)]
enum End {
    #[default]
    Open,
    /// The close frame is appended, and nothing may follow it.
    Closing,
    /// The socket is gone.
    Gone,
}

impl Outbox {
    /// `id`: the connection's number, which no other connection of this process has.
    pub(crate) fn new(
        id: u64,
        stream: Arc<TcpStream>,
        drainer: Drainer,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            id,
            stream,
            drainer,
            state: Mutex::default(),
            ended_reading: AtomicBool::new(false),
            permit,
        }
    }

    /// Marks the permit as established, because the client is known: the permit can no longer be taken for a new connection.
    pub(crate) fn mark_established(&self) {
        if let Some(permit) = &self.permit {
            // A connection that was evicted meanwhile finds the end of its input.
            permit.mark_established();
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// Appends a text frame.
    pub(crate) fn push_text(&self, text: &[u8]) {
        self.lock().append(OpCode::Data(Data::Text), text, self);
    }

    /// Appends a frame of the protocol.
    pub(crate) fn push(&self, frame: &Frame<'_>) {
        let mut json = Vec::with_capacity(256);
        frame.write(&mut json);
        self.push_text(&json);
    }

    /// Appends a long frame of the protocol, written once.
    pub(crate) fn push_long(&self, frame: &Frame<'_>) {
        self.push_frames(Frames::of(frame));
    }

    /// Appends a WebSocket ping.
    pub(crate) fn push_ping(&self) {
        self.lock().append(OpCode::Control(Control::Ping), b"", self);
    }

    /// Appends the response to the handshake, before any frame. Like a partly sent frame it is always finished.
    pub(crate) fn push_handshake(&self, response: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend_from_slice(response);
        state.begun = response.len();
    }

    /// Appends one or more encoded frames.
    pub(crate) fn push_raw(&self, frames: &[u8]) {
        self.lock().append_raw(frames, self);
    }

    /// Appends them all; if they do not fit, none.
    pub(crate) fn push_frames(&self, frames: Frames) {
        self.lock().append_frames(frames, self);
    }

    /// The number of waiting bytes.
    pub(crate) fn backlog(&self) -> usize {
        self.lock().bytes()
    }

    /// The number of waiting bytes. As soon as there are fewer, or the connection ends, the calling thread is unparked,
    /// once.
    pub(crate) fn watch(&self) -> usize {
        let me = sync::current();
        let mut state = self.lock();
        if state.watchers.iter().all(|thread| thread.id() != me.id()) {
            state.watchers.push(me);
        }
        state.bytes()
    }

    #[cfg(test)]
    pub(crate) fn is_watched(&self) -> bool {
        !self.lock().watchers.is_empty()
    }

    /// Ends the watch of the calling thread.
    pub(crate) fn unwatch(&self) {
        let me = sync::current().id();
        self.lock().watchers.retain(|thread| thread.id() != me);
    }

    /// Sends the waiting frames, as far as the socket takes them now. Returns whether all of them were sent.
    pub(crate) fn flush(self: &Arc<Self>) -> bool {
        self.send(false)
    }

    fn send(self: &Arc<Self>, resumed: bool) -> bool {
        let mut state = self.lock();
        if state.writer == Writer::Flush || (state.writer == Writer::Drainer && !resumed) {
            return false; // The thread that sends now sends this as well.
        }
        loop {
            if state.waiting.is_empty() {
                state.writer = Writer::Nobody;
                state.wake_closer();
                return true;
            }
            let out = std::mem::take(&mut state.waiting);
            let begun = std::mem::take(&mut state.begun);
            state.in_flight = (out.len(), std::mem::take(&mut state.frames));
            state.writer = Writer::Flush;
            drop(state);
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let sent = match rustix::net::send(&*self.stream, &out, flags) {
                Ok(count) => Some(count),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Some(0),
                Err(_) => None,
            };
            state = self.lock();
            state.in_flight = (0, 0);
            match sent {
                Some(count) if count == out.len() => state.wake_watchers(),
                Some(count) => {
                    state.put_back(out, begun, count);
                    if count > 0 {
                        state.wake_watchers();
                    }
                    state.drop_long_rest(self);
                    return self.leave_to_drainer(state);
                }
                None => {
                    state.give_up();
                    drop(state);
                    self.end_reading();
                    return false;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, opcode: OpCode, payload: &[u8], outbox: &Outbox) {
        if self.has_room(payload.len(), outbox) {
            frame(&mut self.waiting, opcode, &[payload]);
            self.frames += 1;
        }
    }

    fn append_raw(&mut self, frames: &[u8], outbox: &Outbox) {
        if self.has_room(frames.len(), outbox) {
            self.waiting.extend_from_slice(frames);
            self.frames += 1;
        }
    }

    fn append_frames(&mut self, mut frames: Frames, outbox: &Outbox) {
        if !self.has_room(frames.len(), outbox) {
            return;
        }
        if self.waiting.is_empty() {
            self.waiting = frames.bytes;
        } else {
            self.waiting.append(&mut frames.bytes);
        }
        self.frames += frames.count;
    }

    /// Whether `bytes` more bytes may wait. If not, the connection is closed as too slow.
    fn has_room(&mut self, bytes: usize, outbox: &Outbox) -> bool {
        if self.end != End::Open {
            return false;
        }
        let fits = self.bytes() + bytes <= OUTBOX_BYTES_MAX
            && self.frames + self.in_flight.1 < OUTBOX_FRAMES_MAX;
        if !fits {
            self.too_slow(outbox);
        }
        fits
    }

    fn bytes(&self) -> usize {
        self.waiting.len() + self.in_flight.0 + self.held.len()
    }

    fn hold(&mut self, text: &[u8], outbox: &Outbox) {
        if self.has_room(text.len(), outbox) {
            frame(&mut self.held, OpCode::Data(Data::Text), &[text]);
        }
    }

    fn too_slow(&mut self, outbox: &Outbox) {
        if self.end != End::Open {
            return;
        }
        metrics::SLOW_READERS.inc();
        self.cut_short(Close::SlowReader, outbox);
    }

    fn cut_short(&mut self, close: Close, outbox: &Outbox) {
        if self.end != End::Open {
            return;
        }
        self.is_cut_short = true;
        self.waiting.truncate(self.begun);
        self.waiting.shrink_to_fit();
        self.frames = 0;
        self.held = Vec::new();
        self.close(close);
        outbox.end_reading();
        self.drop_long_rest(outbox);
    }

    /// Drops the rest of a partly sent frame of a closed connection if the rest is long, since the client may never read it.
    fn drop_long_rest(&mut self, outbox: &Outbox) {
        if self.is_cut_short && self.begun > BEGUN_BYTES_MAX {
            self.give_up();
            let _ = outbox.stream.shutdown(Shutdown::Both);
        }
    }

    fn close(&mut self, close: Close) {
        if self.end != End::Open {
            return;
        }
        self.end = End::Closing;
        self.wake_closer();
        self.wake_watchers();
        metrics::CLOSES.inc(close.as_str());
        let mut payload = close.code().to_be_bytes().to_vec();
        payload.extend_from_slice(close.reason().as_bytes());
        frame(&mut self.waiting, OpCode::Control(Control::Close), &[&payload]);
    }

    fn give_up(&mut self) {
        self.end = End::Gone;
        self.wake_closer();
        self.wake_watchers();
        self.waiting = Vec::new();
        self.held = Vec::new();
        self.frames = 0;
        self.begun = 0;
    }

    fn wake_closer(&self) {
        if let Some(thread) = self.closer.as_ref().filter(|_| self.end != End::Open) {
            thread.unpark();
        }
    }

    fn wake_watchers(&mut self) {
        self.watchers.drain(..).for_each(|thread| thread.unpark());
    }

    /// Puts back the bytes that the socket did not take, `out` from `sent` on, before the frames that were appended
    /// meanwhile.
    fn put_back(&mut self, mut out: Vec<u8>, begun: usize, sent: usize) {
        if self.end == End::Gone {
            return;
        }
        let boundary = frame_end(&out, begun, sent);
        if !self.is_cut_short {
            self.frames += frames_from(&out, boundary);
        }
        out.drain(..sent);
        self.begun = boundary - sent;
        // A close frame that was appended meanwhile waits behind `out`; an earlier one is in it.
        if self.is_cut_short && !self.waiting.is_empty() {
            out.truncate(self.begun);
            out.shrink_to_fit();
        }
        out.append(&mut self.waiting);
        self.waiting = out;
    }
}

#[cfg(test)]
mod tests;
