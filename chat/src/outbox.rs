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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use door::Permit;
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
    ended_reading: AtomicBool,
    /// The connection's place in the house, given back with the socket: also a socket that only the drainer still holds
    /// counts. Tests have none.
    permit: Option<Permit>,
}

/// Text frames to be appended together.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    count: usize,
}

impl Frames {
    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push_text(&mut self, text: &[u8]) {
        frame(&mut self.bytes, OpCode::Data(Data::Text), text);
        self.count += 1;
    }
}

#[derive(Default)]
struct State {
    /// Whole frames, except that the first `begun` bytes are the rest of one already begun.
    waiting: Vec<u8>,
    begun: usize,
    /// Frames in `waiting`.
    frames: usize,
    /// Bytes and frames that a `flush` has taken out and not yet sent.
    in_flight: (usize, usize),
    /// Answers that must not overtake the events of a replay; they go out after it.
    held: Vec<u8>,
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

/// When an event is to go out.
enum Turn {
    /// It is the next one.
    Now,
    /// It has gone out, or there are no events here.
    Past,
    /// The replay will come to it.
    Later,
    /// Others come first.
    Gap { since: Seq },
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
    pub(crate) fn new(stream: Arc<TcpStream>, drainer: Drainer, permit: Option<Permit>) -> Self {
        Self {
            stream,
            drainer,
            state: Mutex::default(),
            ended_reading: AtomicBool::new(false),
            permit,
        }
    }

    /// It is known who this is: it can no longer be turned out for a newcomer.
    pub(crate) fn settle(&self) {
        if let Some(permit) = &self.permit {
            // Who has been turned out meanwhile finds the end of its input.
            permit.settle();
        }
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

    /// Appends a WebSocket ping.
    pub(crate) fn push_ping(&self) {
        self.lock().append(OpCode::Control(Control::Ping), b"", self);
    }

    /// Appends the answer to the handshake, before any frame. Like a frame already begun it is always finished.
    pub(crate) fn push_handshake(&self, response: &[u8]) {
        let mut state = self.lock();
        state.waiting.extend_from_slice(response);
        state.begun = response.len();
    }

    /// Appends what is one or more whole frames already.
    pub(crate) fn push_raw(&self, frames: &[u8]) {
        self.lock().append_raw(frames, self);
    }

    /// Appends them all; if they do not fit, none.
    pub(crate) fn push_frames(&self, frames: Frames) {
        self.lock().append_frames(frames, self);
    }

    /// Appends event `seq`, if it is the next one.
    pub(crate) fn deliver(&self, seq: Seq, event: &[u8]) -> Delivery {
        let mut state = self.lock();
        match state.advance(seq) {
            Turn::Now => state.append(OpCode::Data(Data::Text), event, self),
            Turn::Past | Turn::Later => {}
            Turn::Gap { since } => return Delivery::Gap { since },
        }
        Delivery::Done
    }

    /// Appends the answer to a request of this connection that became event `seq`: it is this connection's form of that event,
    /// and goes out in its place. Who has heard it can resume from `seq`. `None`: nobody asked for an answer.
    pub(crate) fn answer(&self, seq: Seq, answer: Option<&[u8]>) -> Delivery {
        let mut state = self.lock();
        match (state.advance(seq), answer) {
            (Turn::Gap { since }, _) => return Delivery::Gap { since },
            (Turn::Now | Turn::Past, Some(answer)) => {
                state.append(OpCode::Data(Data::Text), answer, self);
            }
            (Turn::Later, Some(answer)) => state.hold(answer, self),
            (_, None) => {}
        }
        Delivery::Done
    }

    /// Where a live connection stands that has not yet had the events up to `head`; one that is replaying is told of them.
    pub(crate) fn behind(&self, head: Seq) -> Option<Seq> {
        match &mut self.lock().feed {
            Feed::Off => None,
            Feed::Replaying { announced } => {
                *announced = head.max(*announced);
                None
            }
            Feed::Live { next } => (*next <= head).then_some(Seq(next.0 - 1)),
        }
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
        let held = std::mem::take(&mut state.held);
        if !held.is_empty() {
            state.append_raw(&held, self);
        }
        true
    }

    /// Bytes that wait.
    pub(crate) fn backlog(&self) -> usize {
        let state = self.lock();
        state.bytes()
    }

    /// The reader takes nothing: of what waits only a frame already begun is finished, then it is closed with 4409.
    pub(crate) fn too_slow(self: &Arc<Self>) {
        self.lock().too_slow(self);
        self.flush();
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

    /// Whether the last word has been said and all of it is sent, or the socket is gone.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.lock();
        state.end == End::Gone || (state.end == End::Closing && state.bytes() == 0)
    }

    /// Whether nothing more can be appended.
    pub(crate) fn is_ending(&self) -> bool {
        self.lock().end != End::Open
    }

    /// Lets the connection's thread, asleep in `recv`, see the end of its input.
    pub(crate) fn end_reading(&self) {
        self.ended_reading.store(true, Ordering::Release);
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Whether the end of the input is our own doing.
    pub(crate) fn has_ended_reading(&self) -> bool {
        self.ended_reading.load(Ordering::Acquire)
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
    fn append(&mut self, opcode: OpCode, payload: &[u8], outbox: &Outbox) {
        if self.has_room(payload.len(), outbox) {
            frame(&mut self.waiting, opcode, payload);
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

    /// Whether so many bytes more may wait. If not, the reader is too slow and closed here.
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
            frame(&mut self.held, OpCode::Data(Data::Text), text);
        }
    }

    /// Whose turn event `seq` is.
    fn advance(&mut self, seq: Seq) -> Turn {
        match &mut self.feed {
            Feed::Off => Turn::Past,
            Feed::Replaying { announced } => {
                *announced = seq.max(*announced);
                Turn::Later
            }
            Feed::Live { next } if seq < *next => Turn::Past,
            Feed::Live { next } if seq > *next => Turn::Gap { since: Seq(next.0 - 1) },
            Feed::Live { next } => {
                *next = seq.next();
                Turn::Now
            }
        }
    }

    fn too_slow(&mut self, outbox: &Outbox) {
        if self.end != End::Open {
            return;
        }
        metrics::SLOW_READERS.inc();
        self.is_slow = true;
        self.waiting.truncate(self.begun);
        self.frames = 0;
        self.held = Vec::new();
        self.close(Close::SlowReader);
        outbox.end_reading();
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
        self.held = Vec::new();
        self.frames = 0;
        self.begun = 0;
    }

    /// Takes back what the socket did not take: `out` from `sent` on, in front of what came meanwhile.
    fn put_back(&mut self, mut out: Vec<u8>, begun: usize, sent: usize) {
        if self.end == End::Gone {
            return;
        }
        let boundary = frame_end(&out, begun, sent);
        if !self.is_slow {
            self.frames += frames_from(&out, boundary);
        }
        out.drain(..sent);
        self.begun = boundary - sent;
        // A goodbye that came meanwhile waits behind `out`; one that came before is in it.
        if self.is_slow && !self.waiting.is_empty() {
            out.truncate(self.begun);
        }
        out.append(&mut self.waiting);
        self.waiting = out;
    }
}

/// Appends one unmasked frame (RFC 6455, section 5.2).
fn frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    out.reserve(header.len(payload.len() as u64) + payload.len());
    header.format(payload.len() as u64, out).expect("a Vec takes all");
    out.extend_from_slice(payload);
}

/// How many frames there are from `start`, where one begins.
fn frames_from(frames: &[u8], start: usize) -> usize {
    let ends = std::iter::successors(Some(start), |at| {
        (*at < frames.len()).then(|| frame_end(frames, *at, at + 1))
    });
    ends.count() - 1
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
