//! The end of a connection: the last word, and time for the client to hear it.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::Close;

use super::{Ending, Session, ending, is_nothing};
use crate::committer::Task;
use crate::inlet::Inlet;
use crate::limit::{CLOSE_LOOK_MAX, FRAMES_PER_TURN_MAX, READ_BYTES};
use crate::pipe::Pipe;
use crate::server::Patience;

impl Session<'_> {
    /// The last word, after the answers to everything it has sent.
    pub(super) fn say_goodbye(&self, ending: &Ending) {
        let close = match ending {
            Ending::Close(close) => *close,
            Ending::Left | Ending::Closed => return self.outbox.finish(),
        };
        let waits = self.account().and(self.server.accounts()).is_some_and(|accounts| {
            accounts.committer.submit(Task::Farewell(close, Arc::clone(&self.outbox)))
        });
        if !waits {
            self.outbox.say_goodbye(close);
        }
    }

    /// Reads and throws away until the last word is said and the client has closed too, or one of them takes too long:
    /// closing a socket with input unread would reset it, and the last words could be lost.
    #[inline(never)] // What it needs is not to lie under a connection that sleeps.
    pub(super) fn linger(&self, inlet: &mut Inlet, reason: &Ending) {
        let Patience { farewell, linger, .. } = self.server.patience;
        let mut until = Instant::now() + farewell;
        let mut is_said = false;
        let mut pause = Duration::from_millis(1);
        // tungstenite has no room for the rest of a frame that it has refused.
        let mut is_sane = !matches!(reason, Ending::Close(Close::TooBig));
        let mut is_open = true;
        // A farewell that waits for the committer, or words that wait for the socket, and then the client's own close.
        while Instant::now() < until && (is_open || !self.outbox.is_done()) {
            if !is_said && self.outbox.is_ending() {
                is_said = true;
                until = Instant::now() + linger;
            }
            inlet.begin(false);
            let mut is_drained = false;
            // A few at a time: whoever writes without pause must not keep the last word from being noticed.
            for _ in 0..FRAMES_PER_TURN_MAX {
                if !is_open || is_drained {
                    break;
                }
                let heard = match is_sane {
                    true => inlet.next().map(drop),
                    false => throw_away(inlet.pipe_mut()),
                };
                match heard {
                    Ok(()) => {}
                    Err(tungstenite::Error::Io(error)) if is_nothing(&error) => is_drained = true,
                    Err(error) if matches!(ending(&error), Ending::Left) => is_open = false,
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
        if let Ending::Close(close) = reason {
            self.outbox.say_goodbye(*close); // The committer has not come to it.
        }
    }
}

fn throw_away(pipe: &mut Pipe) -> tungstenite::Result<()> {
    match pipe.read(&mut [0; READ_BYTES])? {
        0 => Err(tungstenite::Error::ConnectionClosed),
        _ => Ok(()),
    }
}
