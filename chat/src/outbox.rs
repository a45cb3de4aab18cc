//! What waits for one reader.
//!
//! Any thread may append a frame; none ever waits for the reader. Whoever appended calls [`Outbox::flush`]: one `send`
//! that does not block, for all frames that wait. If the socket does not take them all the rest is left to the
//! [drainer](crate::drainer). Past its bounds the *reader* is closed with 4409: with accounts everything is in the log.
//!
//! It also knows which event of the account's log comes next ([`Feed`]), so that each goes out once and in order.
//!
//! A `Mutex` guards it, held for memory copies only, never while the socket is written; nothing is locked inside it.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::SendFlags;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use wire::{Close, Frame, Seq};

use crate::drainer::Drainer;
use crate::limit::{OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX};
use crate::metrics;

pub(crate) struct Outbox {
    stream: Arc<TcpStream>,
    drainer: Drainer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whole frames, except that the first `begun` bytes are the rest of one already begun.
    waiting: Vec<u8>,
    begun: usize,
    /// Bytes that a `flush` has taken out and not yet sent.
    in_flight: usize,
    /// Frames appended since nothing waited.
    frames: usize,
    writer: Writer,
    end: End,
    /// It was closed because its reader is too slow: of what waits only a frame already begun is finished.
    is_slow: bool,
    feed: Feed,
}

/// Who is to send what waits.
#[derive(Default, PartialEq)]
enum Writer {
    /// Whoever appends next.
    #[default]
    Nobody,
    /// A thread that is in `flush` just now.
    Flush,
    /// The drainer, once the socket takes more.
    Drainer,
}

/// Whether there is more to come.
#[derive(Clone, Copy, Default, PartialEq)]
enum End {
    #[default]
    Open,
    /// The close frame is in: nothing after it.
    Closing,
    /// The socket is gone.
    Gone,
}

/// Where this connection stands in its account's log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Feed {
    /// It gets no events: a guest, or nobody yet.
    #[default]
    Off,
    /// Its own thread reads the log; events up to this one are known to be there.
    Replaying { announced: Seq },
    /// It has everything before this event.
    Live { next: Seq },
}

/// What became of an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery {
    /// It waits in the outbox, or will be read from the log, or was there before.
    Done,
    /// Events before it are missing: they must be read from the log.
    Gap { since: Seq },
}

impl Outbox {
    pub(crate) fn new(stream: Arc<TcpStream>, drainer: Drainer) -> Self {
        Self { stream, drainer, state: Mutex::default() }
    }

    pub(crate) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// Appends a text frame.
    pub(crate) fn push_text(&self, text: &[u8]) {
        self.lock().append(OpCode::Data(Data::Text), text, &self.stream);
    }

    /// Appends a frame of the protocol.
    pub(crate) fn push(&self, frame: &Frame<'_>) {
        let mut json = Vec::with_capacity(256);
        frame.write(&mut json);
        self.push_text(&json);
    }

    /// Appends a WebSocket ping.
    pub(crate) fn push_ping(&self) {
        self.lock().append(OpCode::Control(Control::Ping), b"", &self.stream);
    }

    /// Appends the answer to the handshake, before any frame. Like a frame already begun it is always finished.
    pub(crate) fn push_handshake(&self, response: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend_from_slice(response);
        state.begun = response.len();
    }

    /// Appends what is one or more whole frames already.
    pub(crate) fn push_raw(&self, frames: &[u8]) {
        self.lock().append_raw(frames, &self.stream);
    }

    /// Appends event `seq`, if it is the next one. `None`: the connection knows it already.
    pub(crate) fn deliver(&self, seq: Seq, event: Option<&[u8]>) -> Delivery {
        let mut state = self.lock();
        match &mut state.feed {
            Feed::Off => {}
            Feed::Replaying { announced } => *announced = seq.max(*announced),
            Feed::Live { next } if seq < *next => {}
            Feed::Live { next } if seq > *next => return Delivery::Gap { since: Seq(next.0 - 1) },
            Feed::Live { next } => {
                *next = seq.next();
                if let Some(event) = event {
                    state.append(OpCode::Data(Data::Text), event, &self.stream);
                }
            }
        }
        Delivery::Done
    }

    /// From now on the connection's own thread reads the log.
    pub(crate) fn start_replay(&self) {
        self.lock().feed = Feed::Replaying { announced: Seq(0) };
    }

    /// Goes live after `last`, unless events are known that lie beyond it.
    pub(crate) fn go_live(&self, last: Seq) -> bool {
        let mut state = self.lock();
        if let Feed::Replaying { announced } = state.feed
            && announced > last
        {
            return false;
        }
        state.feed = Feed::Live { next: last.next() };
        true
    }

    /// The last event that has gone out, if it is live.
    pub(crate) fn last(&self) -> Option<Seq> {
        match self.lock().feed {
            Feed::Live { next } => Some(Seq(next.0 - 1)),
            _ => None,
        }
    }

    /// Bytes that wait.
    pub(crate) fn backlog(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.in_flight
    }

    /// Appends a close frame, after which nothing more is sent, and lets the connection's thread find the end.
    pub(crate) fn close(self: &Arc<Self>, close: Close) {
        self.lock().close(close);
        self.flush();
        self.end_reading();
    }

    /// Appends a close frame; the connection's thread goes on reading.
    pub(crate) fn say_goodbye(self: &Arc<Self>, close: Close) {
        self.lock().close(close);
        self.flush();
    }

    /// Nothing more will be appended.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if state.end == End::Open {
            state.end = End::Closing;
        }
    }

    /// Whether nothing more can be appended.
    pub(crate) fn is_ending(&self) -> bool {
        self.lock().end != End::Open
    }

    /// Lets the connection's thread, asleep in `recv`, see the end of its input.
    pub(crate) fn end_reading(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Ends the socket, whatever still waits.
    pub(crate) fn abort(&self) {
        let mut state = self.lock();
        state.give_up();
        drop(state);
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends what waits, as far as the socket takes it now. Returns whether all of it went.
    pub(crate) fn flush(self: &Arc<Self>) -> bool {
        self.send(false)
    }

    /// The drainer's flush: the socket takes more. Returns whether all of it went.
    pub(crate) fn resume(self: &Arc<Self>) -> bool {
        self.send(true)
    }

    fn send(self: &Arc<Self>, resumed: bool) -> bool {
        let mut state = self.lock();
        if state.writer == Writer::Flush || (state.writer == Writer::Drainer && !resumed) {
            return false; // Whoever is at it sends this as well.
        }
        loop {
            if state.waiting.is_empty() {
                state.writer = Writer::Nobody;
                state.frames = 0;
                return true;
            }
            let out = std::mem::take(&mut state.waiting);
            let begun = std::mem::take(&mut state.begun);
            state.in_flight = out.len();
            state.writer = Writer::Flush;
            drop(state);
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let sent = match rustix::net::send(&*self.stream, &out, flags) {
                Ok(count) => Some(count),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Some(0),
                Err(_) => None,
            };
            state = self.lock();
            state.in_flight = 0;
            match sent {
                Some(count) if count == out.len() => {}
                Some(count) => {
                    state.put_back(out, begun, count);
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

    /// While its log is replayed the connection's own thread waits for the socket, and no drainer is needed.
    fn leave_to_drainer(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> bool {
        let is_replaying = matches!(state.feed, Feed::Replaying { .. }) && state.end == End::Open;
        state.writer = if is_replaying { Writer::Nobody } else { Writer::Drainer };
        let is_last = state.end != End::Open;
        drop(state);
        if !is_replaying {
            self.drainer.watch(self, is_last);
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, opcode: OpCode, payload: &[u8], stream: &TcpStream) {
        if self.has_room(payload.len(), stream) {
            frame(&mut self.waiting, opcode, payload);
            self.frames += 1;
        }
    }

    fn append_raw(&mut self, frames: &[u8], stream: &TcpStream) {
        if self.has_room(frames.len(), stream) {
            self.waiting.extend_from_slice(frames);
            self.frames += 1;
        }
    }

    /// Whether so many bytes more may wait. If not, the reader is too slow and closed here.
    fn has_room(&mut self, bytes: usize, stream: &TcpStream) -> bool {
        if self.end != End::Open {
            return false;
        }
        let fits = self.waiting.len() + self.in_flight + bytes <= OUTBOX_BYTES_MAX
            && self.frames < OUTBOX_FRAMES_MAX;
        if !fits {
            metrics::SLOW_READERS.inc();
            self.is_slow = true;
            self.waiting.truncate(self.begun);
            self.close(Close::SlowReader);
            let _ = stream.shutdown(Shutdown::Read);
        }
        fits
    }

    fn close(&mut self, close: Close) {
        if self.end != End::Open {
            return;
        }
        self.end = End::Closing;
        metrics::CLOSES.inc(close.word());
        let mut payload = close.code().to_be_bytes().to_vec();
        payload.extend_from_slice(close.reason().as_bytes());
        frame(&mut self.waiting, OpCode::Control(Control::Close), &payload);
    }

    fn give_up(&mut self) {
        self.end = End::Gone;
        self.waiting = Vec::new();
        self.begun = 0;
    }

    /// Takes back what the socket did not take: `out` from `sent` on, in front of what came meanwhile.
    fn put_back(&mut self, mut out: Vec<u8>, begun: usize, sent: usize) {
        if self.end == End::Gone {
            return;
        }
        let boundary = frame_end(&out, begun, sent);
        out.drain(..sent);
        self.begun = boundary - sent;
        if self.is_slow {
            out.truncate(self.begun);
        }
        out.append(&mut self.waiting);
        self.waiting = out;
    }
}

/// Appends one unmasked frame (RFC 6455, section 5.2).
fn frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(payload.len() as u64, out).expect("a Vec takes all");
    out.extend_from_slice(payload);
}

/// Where the frame ends that byte `at` lies in; `at` itself if it is the start of one.
fn frame_end(frames: &[u8], begun: usize, at: usize) -> usize {
    let mut end = begun;
    while end < at {
        let header = &frames[end..];
        let (size, length) = match header[1] & 0x7f {
            126 => (4, u64::from(u16::from_be_bytes([header[2], header[3]]))),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&header[2..10]);
                (10, u64::from_be_bytes(bytes))
            }
            length => (2, u64::from(length)),
        };
        end += size + length as usize;
    }
    end
}

#[cfg(test)]
mod tests;
