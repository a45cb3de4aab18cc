//! A WebSocket client with deadlines that keeps frames until a test asks for them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::{Error, Message, WebSocket};

use crate::schema::{Side, fits};
use crate::{PATIENCE, raw};

/// What the other side sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A JSON text frame.
    Json(Value),
    /// Any other text frame.
    Text(String),
    /// The pong to a WebSocket ping, with its payload.
    Pong(Vec<u8>),
    /// The end, with its close code; 1006 where the connection just broke.
    Closed(u16),
}

/// An open WebSocket.
pub struct Socket {
    stream: WebSocket<TcpStream>,
    /// Received and not asked for yet.
    inbox: VecDeque<Received>,
    /// What the peer is.
    other: Side,
    /// Frames of a client that the schema does not have. A server is not to say any: hearing one is an error.
    faults: Vec<String>,
}

impl Socket {
    /// Connects to `ws://host:port/…` with these extra headers.
    ///
    /// # Errors
    /// When the server does not answer, or refuses: then the message holds the status.
    pub fn open(url: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let name: HeaderName = name.parse()?;
            request.headers_mut().insert(name, HeaderValue::from_str(value)?);
        }
        let address = request.uri().authority().context("a URL without a host")?.to_string();
        Self::over(raw::connect(&address, None)?, request)
    }

    /// The same over a connection that is already there.
    ///
    /// # Errors
    /// As [`Socket::open`].
    pub fn over(stream: TcpStream, request: Request) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (stream, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow!("the upgrade was refused: {error}"))?;
        Ok(Self { stream, inbox: VecDeque::new(), other: Side::Server, faults: Vec::new() })
    }

    /// The other end: answers the upgrade of a client that has connected.
    ///
    /// # Errors
    /// When it does not ask for one.
    pub fn accept(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream = tungstenite::accept(stream)
            .map_err(|error| anyhow!("no upgrade was asked for: {error}"))?;
        Ok(Self { stream, inbox: VecDeque::new(), other: Side::Client, faults: Vec::new() })
    }

    /// What a client said that the schema does not have.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Sends any WebSocket message.
    ///
    /// # Errors
    /// When the connection is gone, or the server takes nothing for [`PATIENCE`].
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.stream.send(message).context("sending failed")
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.send(Message::text(text))
    }

    /// Sends a JSON text frame.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn json(&mut self, frame: &Value) -> Result<()> {
        self.text(&frame.to_string())
    }

    /// The next thing heard, in order, whatever it is.
    ///
    /// # Errors
    /// When nothing comes within [`PATIENCE`].
    pub fn receive_next(&mut self) -> Result<Received> {
        match self.inbox.pop_front() {
            Some(heard) => Ok(heard),
            None => self.read(Instant::now() + PATIENCE)?.context("nothing came"),
        }
    }

    /// The first thing heard that `fits`; what else comes stays to be heard later.
    ///
    /// # Errors
    /// When it does not come within [`PATIENCE`]; the message tells what came instead.
    pub fn receive<T>(&mut self, what: &str, fits: impl Fn(&Received) -> Option<T>) -> Result<T> {
        self.receive_within(what, PATIENCE, fits)
    }

    /// [`Socket::receive`] with another deadline.
    ///
    /// # Errors
    /// As [`Socket::receive`].
    pub fn receive_within<T>(
        &mut self,
        what: &str,
        patience: Duration,
        fits: impl Fn(&Received) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        loop {
            while let Some(heard) = self.inbox.get(seen) {
                if let Some(found) = fits(heard) {
                    self.inbox.remove(seen);
                    return Ok(found);
                }
                seen += 1;
            }
            let is_over = matches!(self.inbox.back(), Some(Received::Closed(_)));
            match if is_over { None } else { self.read(deadline)? } {
                Some(heard) => self.inbox.push_back(heard),
                None => bail!("did not hear {what}; heard {}", brief(&self.inbox)),
            }
        }
    }

    /// The close code that ends this connection, whatever comes before it.
    ///
    /// # Errors
    /// When it stays open for `patience`.
    pub fn receive_close(&mut self, patience: Duration) -> Result<u16> {
        self.receive_within("a close", patience, |heard| match heard {
            Received::Closed(code) => Some(*code),
            _ => None,
        })
    }

    /// Takes everything that was heard and not asked for.
    pub fn drain(&mut self) -> Vec<Received> {
        self.inbox.drain(..).collect()
    }

    /// The connection below, to do to it what no client should.
    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Closes as a good client does, and waits for the server to close too.
    pub fn close(mut self) {
        if self.stream.close(None).is_ok() {
            let _ = self.receive_close(PATIENCE);
        }
    }

    fn checked(&mut self, frame: Value) -> Result<Received> {
        match (fits(self.other, &frame), self.other) {
            (Err(fault), Side::Server) => return Err(fault),
            (Err(fault), Side::Client) => self.faults.push(fault.to_string()),
            (Ok(()), _) => {}
        }
        Ok(Received::Json(frame))
    }

    fn read(&mut self, deadline: Instant) -> Result<Option<Received>> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.get_ref().set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let message = match self.stream.read() {
                Ok(message) => message,
                Err(Error::Io(error)) if is_timeout(&error) => return Ok(None),
                Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_)) => {
                    return Ok(Some(Received::Closed(1006)));
                }
                Err(Error::Protocol(_)) => return Ok(Some(Received::Closed(1006))),
                Err(error) => return Err(error).context("reading failed"),
            };
            return Ok(Some(match message {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(json) => self.checked(json)?,
                    Err(_) => Received::Text(text.to_string()),
                },
                Message::Pong(payload) => Received::Pong(payload.to_vec()),
                Message::Close(frame) => {
                    Received::Closed(frame.map_or(1005, |frame| u16::from(frame.code)))
                }
                Message::Binary(_) => bail!("a binary frame was sent"),
                Message::Ping(_) | Message::Frame(_) => continue,
            }));
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What was heard, short enough to read.
fn brief(inbox: &VecDeque<Received>) -> String {
    let mut text: String = format!("{} frames", inbox.len());
    for heard in inbox.iter().take(20) {
        let line: String = format!("{heard:?}").chars().take(300).collect();
        text.push_str("\n    ");
        text.push_str(&line);
    }
    text
}
