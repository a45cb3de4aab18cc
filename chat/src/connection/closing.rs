//! The end of a connection: the last word, and time for the client to hear it.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::Close;

use super::{Connection, EndReason, end_reason, is_nothing};
use crate::committer::Task;
use crate::limit::{CLOSE_LOOK_MAX, FRAMES_PER_TICK_MAX, READ_BYTES};
use crate::message_reader::MessageReader;
use crate::server::Timeouts;
use crate::socket_buffer::SocketBuffer;

impl Connection<'_> {
    /// The last word, after the answers to everything it has sent.
    pub(super) fn close_after_queue(&self, ending: &EndReason) {
        let close = match ending {
            EndReason::Close(close) => *close,
            EndReason::PeerGone | EndReason::AlreadyClosed => return self.outbox.finish(),
        };
        let waits = self.account().and(self.server.accounts()).is_some_and(|accounts| {
            accounts.committer.submit(Task::Close(close, Arc::clone(&self.outbox)))
        });
        if !waits {
            self.outbox.send_close(close);
        }
    }

    /// Reads and throws away until the last word is said and the client has closed too, or one of them takes too long:
    /// closing a socket with input unread would reset it, and the last words could be lost.
    #[inline(never)] // What it needs is not to lie under a connection that sleeps.
    pub(super) fn linger(&self, reader: &mut MessageReader, reason: &EndReason) {
        let Timeouts { queued_close, linger, .. } = self.server.timeouts;
        let mut until = Instant::now() + queued_close;
        let mut is_said = false;
        let mut pause = Duration::from_millis(1);
        // tungstenite has no room for the rest of a frame that it has refused.
        let mut is_sane = !matches!(reason, EndReason::Close(Close::TooBig));
        let mut is_open = true;
        // A close that waits for the committer, or words that wait for the socket, and then the client's own close.
        while Instant::now() < until && (is_open || !self.outbox.is_done()) {
            if !is_said && self.outbox.is_ending() {
                is_said = true;
                until = Instant::now() + linger;
            }
            reader.begin(false);
            let mut is_drained = false;
            // A few at a time: whoever writes without pause must not keep the last word from being noticed.
            for _ in 0..FRAMES_PER_TICK_MAX {
                if !is_open || is_drained {
                    break;
                }
                let heard = match is_sane {
                    true => reader.next().map(drop),
                    false => throw_away(reader.buffer_mut()),
                };
                match heard {
                    Ok(()) => {}
                    Err(tungstenite::Error::Io(error)) if is_nothing(&error) => is_drained = true,
                    Err(error) if matches!(end_reason(&error), EndReason::PeerGone) => {
                        is_open = false
                    }
                    // What comes is no WebSocket any more, and is not to be understood but to be taken in.
                    Err(_) => is_sane = false,
                }
            }
            if (is_open && is_drained) || (!is_open && !self.outbox.is_done()) {
                // Its input may be ended by ourselves, so that no wait for the socket would sleep.
                std::thread::sleep(pause);
                pause = (2 * pause).min(CLOSE_LOOK_MAX);
            }
        }
        if let EndReason::Close(close) = reason {
            self.outbox.send_close(*close); // The committer has not come to it.
        }
    }
}

fn throw_away(buffer: &mut SocketBuffer) -> tungstenite::Result<()> {
    match buffer.read(&mut [0; READ_BYTES])? {
        0 => Err(tungstenite::Error::ConnectionClosed),
        _ => Ok(()),
    }
}
