//! Who called, what for, and how to answer.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Shutdown as Direction, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::deadline::{recv, recv_append, send_all};
use crate::error::HttpError;
use crate::head::{Head, Scan};
use crate::limit::{
    BODY_DEADLINE, HEAD_BYTES_FIRST, HEAD_BYTES_MAX, HEAD_DEADLINE, LINGER, LINGER_BYTES_MAX,
    REFUSAL_HELD, REPLY_DEADLINE,
};
use crate::metrics::Cause;
use crate::permits::Permit;
use crate::reply::Reply;
use crate::web::Headers;

/// How long a client may take for what. The defaults are those of [`crate::limit`].
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From accept to the end of the head.
    pub head: Duration,
    /// From the call for the body to its end.
    pub body: Duration,
    /// For a reply; for a relayed one, the longest pause.
    pub reply: Duration,
    /// How long a relayed 429 or 503 is held back.
    pub refusal: Duration,
    /// For the client to hang up after the reply.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: HEAD_DEADLINE,
            body: BODY_DEADLINE,
            reply: REPLY_DEADLINE,
            refusal: REFUSAL_HELD,
            linger: LINGER,
        }
    }
}

/// A connection whose head has been read; everything after it is the server's.
#[derive(Debug)]
pub struct Request {
    /// The connection's number, unique in the process.
    pub id: u64,
    /// The socket: blocking, without time-outs, `TCP_NODELAY`. Others may hold it too, to shut it
    /// down.
    pub stream: Arc<TcpStream>,
    /// The client's address, also behind a trusted proxy.
    pub address: IpAddr,
    /// What was asked.
    pub head: Head,
    /// Bytes that came after the head; at most 16 KiB.
    pub rest: Vec<u8>,
    /// The connection's place. It is in the waiting room until [`Permit::mark_established`].
    pub permit: Permit,
    /// Lines for every reply: what CORS says about the page that asks, if one does.
    pub(crate) cors: Headers,
    pub(crate) deadlines: Deadlines,
}

impl Request {
    /// Reads the body; empty if the request states no length and sends nothing. Asks for it first if
    /// the client expects that (`Expect: 100-continue`). What comes after the body is dropped.
    ///
    /// # Errors
    /// 413 without reading if it is larger than `max` bytes, 411 for a body without a length, 417 for
    /// another expectation, 408 past the deadline (absolute), 400 if it breaks off.
    pub fn body(&mut self, max: usize) -> Result<Vec<u8>, HttpError> {
        let by = Instant::now() + self.deadlines.body;
        let Some(length) = self.head.content_length() else {
            return match self.rest.is_empty() {
                true => Ok(Vec::new()),
                false => Err(HttpError::length_required("a body needs a Content-Length")),
            };
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= max);
        let length = length.ok_or_else(|| HttpError::too_large(max))?;
        let mut body = std::mem::take(&mut self.rest);
        if body.len() < length {
            self.invite(by)?;
            // Set aside now, paid for page by page as bytes come.
            body.reserve_exact(length - body.len());
        }
        while body.len() < length {
            match recv_append(&*self.stream, &mut body, by) {
                Ok(0) => return Err(HttpError::bad_request("the body breaks off")),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Err(HttpError::timeout("the body took too long"));
                }
                Err(_) => return Err(HttpError::bad_request("the body breaks off")),
            }
        }
        body.truncate(length);
        Ok(body)
    }

    /// Tells a client that waits for it to go on. HTTP/1.0 knows no such thing.
    fn invite(&self, by: Instant) -> Result<(), HttpError> {
        let Some(expectation) = self.head.header("expect") else { return Ok(()) };
        if !expectation.eq_ignore_ascii_case("100-continue") {
            return Err(HttpError::new(417, "bad_request", "only 100-continue can be expected"));
        }
        if !self.head.is_http_10() {
            // Who has left will be noticed by the read that follows.
            let _ = send_all(&*self.stream, b"HTTP/1.1 100 Continue\r\n\r\n", by);
        }
        Ok(())
    }

    /// Answers and hangs up; a client that is still sending hears the answer before the end.
    pub fn reply(self, reply: impl Into<Reply>) {
        let is_head = self.head.method == "HEAD";
        let mut reply = reply.into();
        reply.headers.extend(self.cors);
        self.deadlines.reply_to(&self.stream, is_head, self.id, reply);
    }

    /// The name of this request in its answer and in the log.
    pub fn request_id(&self) -> String {
        request_id(self.id)
    }
}

/// The name of the request of connection `id`: unique among processes, as far as random numbers can make it.
fn request_id(id: u64) -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| {
        let random = RandomState::new().hash_one(std::process::id());
        u32::try_from(random & u64::from(u32::MAX)).unwrap_or_default()
    });
    format!("{:08x}-{id}", *PROCESS)
}

impl Reply {
    /// As the answer to the request of connection `id`.
    pub(crate) fn answering(self, id: u64) -> Self {
        self.with_header("X-Request-Id", request_id(id))
    }
}

impl Deadlines {
    /// Sends `reply` to the request of connection `id`, and hangs up.
    pub(crate) fn reply_to(&self, stream: &TcpStream, is_head: bool, id: u64, reply: Reply) {
        let reply = reply.answering(id);
        match reply.send(stream, is_head, Instant::now() + self.reply) {
            Ok(()) => self.close_lingering(stream),
            Err(error) => tracing::debug!(%error, status = reply.status, "reply not taken"),
        }
    }

    /// Ends a conversation so that its last words arrive: says that nothing follows, then takes in
    /// what the client is still sending, for a bounded time and a bounded number of bytes. A close
    /// with unread input would send a reset, which may overtake the words.
    pub(crate) fn close_lingering(&self, stream: &TcpStream) {
        if stream.shutdown(Direction::Write).is_err() {
            return;
        }
        let by = Instant::now() + self.linger;
        let (mut scrap, mut taken) = ([0; 8 * 1024], 0);
        while let Ok(count @ 1..) = recv(stream, &mut scrap, by) {
            taken += count;
            // A client that sends without a pause never meets the deadline inside `recv`.
            if taken >= LINGER_BYTES_MAX || Instant::now() >= by {
                break;
            }
        }
    }
}

/// Why there is no head.
#[derive(Debug)]
pub(crate) enum HeadError {
    /// The client said nothing and left, or was shut down for a newcomer.
    Left,
    /// The client said nothing at all until the deadline: a spare connection. It gets no reply.
    Silent,
    /// The client deserves an answer.
    Refused(Cause, HttpError),
}

impl HeadError {
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Left => None,
            Self::Silent => Some(Cause::HeadTimeout),
            Self::Refused(cause, _) => Some(*cause),
        }
    }
}

/// Reads a head, and what happens to come with it, until `by`.
pub(crate) fn read_head(stream: &TcpStream, by: Instant) -> Result<(Head, Vec<u8>), HeadError> {
    let bad = |refusal| HeadError::Refused(Cause::BadHead, refusal);
    let mut bytes = Vec::with_capacity(HEAD_BYTES_FIRST);
    let mut scan = Scan::default();
    loop {
        match recv_append(stream, &mut bytes, by) {
            Ok(0) => return Err(HeadError::Left),
            Ok(_) => {}
            Err(error) => return Err(not_read(&error, bytes.is_empty())),
        }
        if let Some(end) = scan.end(&bytes).map_err(bad)? {
            let rest = bytes.split_off(end);
            return Ok((Head::from_scanned(bytes).map_err(bad)?, rest));
        }
        if bytes.len() == bytes.capacity() {
            // Doubled, and never past the bound: `scan` refuses a head that fills it.
            let more = bytes.len().min(HEAD_BYTES_MAX - bytes.len());
            bytes.reserve_exact(more);
        }
    }
}

fn not_read(error: &io::Error, is_silent: bool) -> HeadError {
    match error.kind() {
        ErrorKind::TimedOut if is_silent => HeadError::Silent,
        ErrorKind::TimedOut => {
            let refusal = HttpError::timeout("the head of the request took too long");
            HeadError::Refused(Cause::HeadTimeout, refusal)
        }
        _ => HeadError::Left,
    }
}
