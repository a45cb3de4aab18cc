//! The lingering close: the close frame is sent after the answers to everything that the client has sent, and the
//! client has time to take it.
//!
//! Closing a socket with unread input would reset it, and the client could lose the last frames. So the connection's
//! thread goes on reading, and discards what comes.

use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use wire::Close;

use super::{Connection, end_reason, is_nothing};
use crate::committer::Task;
use crate::flow::EndReason;
use crate::limit::{FRAMES_PER_TICK_MAX, READ_BYTES};
use crate::message_reader::MessageReader;
use crate::server::Timeouts;
use crate::socket_buffer::SocketBuffer;

/// The progress of the close.
#[derive(PartialEq)]
enum Stage {
    /// The close frame waits for the committer and the dispatcher.
    Queued,
    /// The close frame is in the outbox, or there is none.
    Sent,
}

/// How the input is read.
#[derive(Clone, Copy, PartialEq)]
enum Input {
    /// As WebSocket messages: the client's own close is among them.
    Messages,
    /// As bytes without a meaning: they are no longer WebSocket frames, or belong to a frame that was refused for its
    /// size.
    Bytes,
    /// The input has ended.
    Ended,
}

impl Connection<'_> {
    /// Appends the close frame. With accounts the committer does so, after the answers to earlier requests.
    pub(super) fn send_close(&self, reason: &EndReason) {
        let outbox = self.replies.outbox();
        let close = match reason {
            EndReason::Close(close) => *close,
            EndReason::PeerGone | EndReason::AlreadyClosed => return outbox.finish(),
        };
        let is_queued = self.client.account().and(self.server.accounts()).is_some_and(|accounts| {
            accounts.committer.submit(Task::Close(close, Arc::clone(outbox)))
        });
        if !is_queued {
            outbox.send_close(close);
        }
    }

    /// Reads and discards until everything is sent and the client has closed too, or one of them takes too long.
    #[inline(never)] // Its stack frame must not stay on the stack of a sleeping connection.
    pub(super) fn linger(&self, reader: &mut MessageReader, reason: &EndReason) {
        let outbox = self.replies.outbox();
        let Timeouts { queued_close, linger, .. } = self.server.timeouts;
        let (mut stage, mut until) = (Stage::Queued, Instant::now() + queued_close);
        let mut input = match reason {
            EndReason::Close(Close::TooBig) => Input::Bytes,
            _ => Input::Messages,
        };
        // The outbox and the watch both unpark this thread, which sleeps only in this loop.
        outbox.unpark_at_close();
        let watch = self.server.drainer.watch_input(outbox.stream());
        if let Err(error) = &watch {
            tracing::warn!(%error, "cannot wait for a connection that is being closed");
        }
        while watch.is_ok() {
            if stage == Stage::Queued && outbox.is_ending() {
                (stage, until) = (Stage::Sent, Instant::now() + linger);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || (input == Input::Ended && outbox.is_done()) {
                break;
            }
            if discard(reader, &mut input) {
                thread::park_timeout(left);
            }
        }
        if let EndReason::Close(close) = reason {
            outbox.send_close(*close); // The committer has not done it in time.
        }
    }
}

/// Discards what has arrived, at most as much as a tick reads, so that a client that writes without pause does not
/// delay the close. Returns whether the thread may sleep.
fn discard(reader: &mut MessageReader, input: &mut Input) -> bool {
    reader.begin(false);
    for _ in 0..FRAMES_PER_TICK_MAX {
        let read = match input {
            Input::Messages => reader.next().map(drop),
            Input::Bytes => discard_bytes(reader.buffer_mut()),
            Input::Ended => return true,
        };
        match read {
            Ok(()) => {}
            Err(tungstenite::Error::Io(error)) if is_nothing(&error) => return true,
            Err(error) if matches!(end_reason(&error), EndReason::PeerGone) => {
                *input = Input::Ended;
                return false; // That may have been all.
            }

            Err(_) => *input = Input::Bytes,
        }
    }
    false
}

fn discard_bytes(buffer: &mut SocketBuffer) -> tungstenite::Result<()> {
    match buffer.read(&mut [0; READ_BYTES])? {
        0 => Err(tungstenite::Error::ConnectionClosed),
        // The client's answer to ours: nothing follows.
        _ if buffer.has_read_close() => Err(tungstenite::Error::ConnectionClosed),
        _ => Ok(()),
    }
}
