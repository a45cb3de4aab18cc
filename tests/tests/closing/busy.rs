//! Somebody who writes without pause, from a thread of its own, and reads what is answered.

use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use acceptance::{Received, Socket};
use anyhow::{Result, anyhow};
use serde_json::Value;

pub struct Busy {
    socket: Socket,
    /// One for each frame that was not answered yet.
    waiting: Receiver<()>,
    writer: JoinHandle<()>,
}

impl Busy {
    /// Writes the frames of `frame`, by number, of which no more than `window` wait for an answer.
    pub fn start(
        socket: Socket,
        window: usize,
        frame: impl Fn(usize) -> Value + Send + 'static,
    ) -> Result<Self> {
        let mut stream = socket.stream().try_clone()?;
        let (begun, waiting) = sync_channel(window);
        let write = move || {
            for n in 0.. {
                let bytes = acceptance::raw::text_frame(&frame(n).to_string());
                if begun.send(()).is_err() || stream.write_all(&bytes).is_err() {
                    return;
                }
            }
        };
        let writer = thread::Builder::new().name("busy writer".to_owned()).spawn(write)?;
        Ok(Self { socket, waiting, writer })
    }

    /// Reads to the end, telling `each` of every frame. Gives the close code.
    pub fn receive_to_end(mut self, mut each: impl FnMut(Value) -> Result<()>) -> Result<u16> {
        let code = loop {
            match self.socket.receive_next()? {
                Received::Json(frame) => {
                    if frame["ref"].is_string() {
                        self.waiting.recv()?;
                    }
                    each(frame)?;
                }
                Received::Closed(code) => break code,
                Received::Text(_) | Received::Pong(_) => {}
            }
        };
        drop((self.waiting, self.socket));
        self.writer.join().map_err(|_| anyhow!("the writer panicked"))?;
        Ok(code)
    }
}
