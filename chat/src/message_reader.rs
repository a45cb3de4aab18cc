//! The incoming messages of a connection.
//!
//! tungstenite handles the protocol: fragments, pings, closes and errors. It never sees a [plain
//! frame](crate::plain_frame) that arrives while it is between two messages and has no answer to send.

use std::sync::Arc;

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, Result, Utf8Bytes, WebSocket};
use wire::limit::FRAME_BYTES_MAX;

use crate::limit::FRAME_BYTES_FIRST;
use crate::outbox::Outbox;
use crate::socket_buffer::SocketBuffer;

pub(crate) struct MessageReader {
    socket: WebSocket<SocketBuffer>,
    /// tungstenite answers a ping or a close when it is asked for the next message.
    owes: bool,
    /// The last text that tungstenite has read.
    text: Utf8Bytes,
}

/// An incoming message.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary,
    /// A ping, a pong or a close, which tungstenite answers by itself.
    Control,
}

impl MessageReader {
    /// The handshake is done; `rest` is what the client has sent after it. Answers to pings and closes go into
    /// `outbox`.
    ///
    /// Boxed, because a sleeping thread pays for its stack in whole pages.
    #[inline(never)]
    pub(crate) fn new(outbox: Arc<Outbox>, rest: Vec<u8>) -> Box<Self> {
        // A whole frame goes straight into the outbox, so nothing gathers in tungstenite's own buffer.
        let config = WebSocketConfig::default()
            .read_buffer_size(FRAME_BYTES_FIRST)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * FRAME_BYTES_MAX)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX))
            .accept_unmasked_frames(false);
        let buffer = SocketBuffer::new(outbox, rest);
        let socket = WebSocket::from_raw_socket(buffer, Role::Server, Some(config));
        Box::new(Self { socket, owes: false, text: Utf8Bytes::default() })
    }

    pub(crate) fn buffer(&self) -> &SocketBuffer {
        self.socket.get_ref()
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut SocketBuffer {
        self.socket.get_mut()
    }

    /// Begins a tick. With `may_sleep` its first read waits for input.
    pub(crate) fn begin(&mut self, may_sleep: bool) {
        // The last text may be long. Its memory is freed before a sleep, which may last.
        self.text = Utf8Bytes::default();
        self.socket.get_mut().begin(may_sleep);
    }

    /// The next message of this tick.
    ///
    /// # Errors
    /// The error of tungstenite. `WouldBlock` means that the tick is over.
    pub(crate) fn next(&mut self) -> Result<Incoming<'_>> {
        if !self.owes
            && self.socket.can_read()
            && let Some(frame) = self.socket.get_mut().plain()?
        {
            return Ok(Incoming::Text(self.socket.get_mut().take(&frame)?));
        }
        self.owes = false;
        match self.socket.read()? {
            Message::Text(text) => {
                self.text = text;
                Ok(Incoming::Text(self.text.as_str()))
            }
            Message::Binary(_) => Ok(Incoming::Binary),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                self.owes = true;
                Ok(Incoming::Control)
            }
        }
    }
}

#[cfg(test)]
mod tests;
