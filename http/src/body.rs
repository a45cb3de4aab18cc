//! Bodies of requests: read as a whole or as a stream, with a length or in chunks.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::deadline::{recv_append, send_all};

use crate::error::HttpError;
use crate::head::Framing;
use crate::limit::{
    BODY_BYTES_PER_SECOND_MIN, CHUNK_LINE_BYTES_MAX, COPY_BYTES, TRAILER_BYTES_MAX,
};

/// The body of a request, in the form of the route's [`crate::BodyPolicy`].
pub enum Body<'a> {
    /// The whole body.
    Whole(Vec<u8>),
    /// A reader of the body while it arrives.
    Stream(BodyReader<'a>),
}

impl Body<'_> {
    /// The bytes of a whole body; empty for a streamed one.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Stream(_) => &[],
        }
    }
}

/// Reads a body while it arrives. The client must send [`BODY_BYTES_PER_SECOND_MIN`] on average, after a first grace, and
/// never pause for longer than that grace.
/// Errors contain an [`HttpError`]: see [`HttpError::from_io`].
pub struct BodyReader<'a> {
    pub(crate) input: &'a mut Input,
    pub(crate) state: &'a mut BodyState,
}

impl BodyReader<'_> {
    /// The number of bytes that are still to come, if the request states a length.
    pub fn length(&self) -> Option<u64> {
        match self.state.part {
            Part::Length(left) => Some(left),
            Part::End => Some(0),
            _ => None,
        }
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.state.read(self.input, out).map_err(io::Error::other)
    }
}

impl HttpError {
    /// The [`HttpError`] in an error of a [`BodyReader`]; 400 for any other error.
    pub fn from_io(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        inner.cloned().unwrap_or(Self::bad_request("the body breaks off"))
    }
}

/// The bytes that have been read from a socket and not been used yet.
pub(crate) struct Input {
    pub(crate) stream: Arc<TcpStream>,
    bytes: Vec<u8>,
    used: usize,
}

impl Input {
    pub(crate) fn new(stream: Arc<TcpStream>, received: Vec<u8>) -> Self {
        Self { stream, bytes: received, used: 0 }
    }

    /// All bytes that are in the buffer.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.used += count;
        if self.used == self.bytes.len() {
            self.bytes.clear();
            self.used = 0;
        }
    }

    /// Takes the first `count` bytes out of the buffer.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.drain(..self.used);
        self.used = 0;
        self.bytes = bytes.split_off(count);
        bytes
    }

    /// Takes all bytes out of the buffer.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        let count = self.bytes().len();
        let mut bytes = self.take(count);
        bytes.shrink_to_fit();
        bytes
    }

    /// Reads at most `most` more bytes, and waits for the first one until `by`. 0: the client has closed its side.
    pub(crate) fn fill(&mut self, most: usize, by: Instant) -> io::Result<usize> {
        self.bytes.drain(..self.used);
        self.used = 0;
        self.bytes.reserve_exact(most);
        recv_append(&*self.stream, &mut self.bytes, by)
    }
}

/// The state of reading a body.
pub(crate) struct BodyState {
    part: Part,
    /// The client waits for 100 Continue.
    is_invited: bool,
    /// The number of bytes that may still come.
    allowed: u64,
    limit: u64,
    grace: Duration,
    pace: Pace,
    begun: Option<Instant>,
    taken: u64,
}

/// How long a body may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The whole body must arrive within the grace.
    Whole,
    /// Each byte that has arrived extends the grace. No pause may be longer than the grace.
    Stream,
}

/// The part of the body that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Length(u64),
    /// The line before a chunk.
    ChunkLine,
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    Trailers(usize),
    End,
}

impl BodyState {
    pub(crate) fn new(
        framing: Framing,
        limit: u64,
        pace: Pace,
        grace: Duration,
        expects: bool,
    ) -> Self {
        let part = match framing {
            Framing::Absent | Framing::Length(0) => Part::End,
            Framing::Length(length) => Part::Length(length),
            Framing::Chunked => Part::ChunkLine,
        };
        let is_invited = !expects;
        Self { part, is_invited, allowed: limit, limit, grace, pace, begun: None, taken: 0 }
    }

    /// The number of bytes that are still to come; `None` if it is unknown.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.part {
            Part::End => Some(0),
            Part::Length(left) if self.is_invited => Some(left),
            _ => None,
        }
    }

    /// Refuses a length above the limit.
    pub(crate) fn check_length(&self) -> Result<(), HttpError> {
        match self.part {
            Part::Length(length) if length > self.limit => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> HttpError {
        HttpError::too_large(self.limit)
    }

    /// Reads all of the body.
    pub(crate) fn read_whole(&mut self, input: &mut Input) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        if let Part::Length(length) = self.part {
            // The limit bounds it, and the system provides the pages only as bytes arrive.
            body.reserve_exact(usize::try_from(length.min(self.limit)).unwrap_or(0));
        }
        let mut piece = [0; 4096];
        loop {
            match self.read(input, &mut piece)? {
                0 => return Ok(body),
                count => body.extend_from_slice(&piece[..count]),
            }
        }
    }

    fn read(&mut self, input: &mut Input, out: &mut [u8]) -> Result<usize, HttpError> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.part {
                Part::End => return Ok(0),
                Part::Length(left) | Part::Chunk(left) => {
                    self.need_bytes(input)?;
                    let there = input.bytes();
                    let count =
                        there.len().min(out.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
                    out[..count].copy_from_slice(&there[..count]);
                    input.consume(count);
                    let count_u64 = count as u64;
                    self.taken += count_u64;
                    self.allowed =
                        self.allowed.checked_sub(count_u64).ok_or_else(|| self.too_large())?;
                    self.part = match (self.part, left - count_u64) {
                        (Part::Chunk(_), 0) => Part::ChunkEnd,
                        (Part::Chunk(_), left) => Part::Chunk(left),
                        (_, 0) => Part::End,
                        (_, left) => Part::Length(left),
                    };
                    return Ok(count);
                }
                Part::ChunkLine => {
                    let line = self.line(input, CHUNK_LINE_BYTES_MAX)?;
                    let size = chunk_size(&line)?;
                    if size > self.allowed {
                        return Err(self.too_large());
                    }
                    self.part = if size == 0 { Part::Trailers(0) } else { Part::Chunk(size) };
                }
                Part::ChunkEnd => {
                    if !self.line(input, 2)?.is_empty() {
                        return Err(malformed());
                    }
                    self.part = Part::ChunkLine;
                }
                Part::Trailers(so_far) => {
                    let line = self.line(input, TRAILER_BYTES_MAX - so_far)?;
                    self.part = match line.len() {
                        0 => Part::End,
                        length => Part::Trailers((so_far + length + 2).min(TRAILER_BYTES_MAX)),
                    };
                }
            }
        }
    }

    /// The next line, without its end. With its end it has at most `most` bytes.
    fn line(&mut self, input: &mut Input, most: usize) -> Result<Vec<u8>, HttpError> {
        let mut looked = 0;
        loop {
            let bytes = input.bytes();
            let there = &bytes[..bytes.len().min(most)];
            if let Some(end) = there[looked..].iter().position(|byte| *byte == b'\n') {
                let end = looked + end;
                let line = there[..end].strip_suffix(b"\r").ok_or_else(malformed)?.to_vec();
                if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                    // A CR that others may read as a line end, above all.
                    return Err(malformed());
                }
                input.consume(end + 1);
                return Ok(line);
            }
            looked = there.len();
            if there.len() >= most {
                return Err(malformed());
            }
            self.fill(input)?;
        }
    }

    fn need_bytes(&mut self, input: &mut Input) -> Result<(), HttpError> {
        match input.bytes().is_empty() {
            true => self.fill(input),
            false => Ok(()),
        }
    }

    fn fill(&mut self, input: &mut Input) -> Result<(), HttpError> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let mut by = begun + self.grace;
        if self.pace == Pace::Stream {
            by += Duration::from_secs(self.taken / u64::from(BODY_BYTES_PER_SECOND_MIN));
            by = by.min(Instant::now() + self.grace);
        }
        if !self.is_invited {
            self.is_invited = true;
            // A client that has left will be noticed by the read that follows.
            let _ = send_all(&*input.stream, b"HTTP/1.1 100 Continue\r\n\r\n", by);
        }
        match input.fill(COPY_BYTES, by) {
            Ok(0) => Err(HttpError::bad_request("the body breaks off")),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Err(HttpError::timeout("the body took too long"))
            }
            Err(_) => Err(HttpError::bad_request("the body breaks off")),
        }
    }
}

/// The size in a chunk's line; extensions after a `;` are ignored.
fn chunk_size(line: &[u8]) -> Result<u64, HttpError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii_end();
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed());
    }
    let text = std::str::from_utf8(digits).map_err(|_| malformed())?;
    u64::from_str_radix(text, 16).map_err(|_| malformed())
}

fn malformed() -> HttpError {
    HttpError::bad_request("the body's chunks are malformed")
}
