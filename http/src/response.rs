//! Responses. The body is static bytes, owned bytes, a file or a stream.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use net::deadline::PacedSend;
use serde_json::Value;

use crate::error::HttpError;
use crate::limit::{COPY_BYTES, HSTS_SECONDS, RESPONSE_BYTES_PER_SECOND_MIN, RETRY_AFTER_SECONDS};

/// Headers of every response that does not have them with another value. They matter to browsers only: a response is kept by no
/// cache, is what its type says, loads nothing and is in no frame (`Content-Security-Policy`), and no page of another site may
/// embed it or keep a handle to its window. They are those of the OWASP REST Security Cheat Sheet, where `frame-ancestors`
/// stands for the older `X-Frame-Options`, and those against leaks between sites.
const DEFAULT_HEADERS: [(&str, &str); 6] = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// A body of up to this many bytes is copied behind its head and sent with it.
const JOINED_BYTES_MAX: usize = 16 * 1024;

type Text = Cow<'static, str>;

/// A status, headers and a body.
pub struct Response {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The code of an error, for logs.
    pub code: Option<&'static str>,
    headers: Vec<(Text, Text)>,
    body: Content,
    is_delayed: bool,
}

/// The body of a response.
enum Content {
    Empty,
    Bytes(Cow<'static, [u8]>),
    /// This number of bytes.
    Sized(Box<dyn Read + Send>, u64),
    /// A stream of unknown length, which may be larger than the memory.
    Stream(Box<dyn Read + Send>),
}

/// The properties of a request and its connection that change how a response is sent.
#[derive(Default)]
pub(crate) struct Sending<'a> {
    pub request_id: &'a str,
    /// The request is a HEAD: no body follows.
    pub is_head: bool,
    /// The client does not support chunked bodies.
    pub is_http_10: bool,
    /// The connection is closed afterwards.
    pub is_last: bool,
    /// The client uses https.
    pub is_https: bool,
    /// The CORS headers.
    pub cors: &'a [(&'static str, String)],
}

impl Response {
    fn with(status: u16, body: Content) -> Self {
        Self { status, code: None, headers: Vec::new(), body, is_delayed: false }
    }

    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        Self::with(status, Content::Empty)
    }

    /// 204: success without a body.
    pub fn no_content() -> Self {
        Self::empty(204)
    }

    /// A body of any type. A `&'static [u8]` is not copied.
    pub fn bytes(
        status: u16,
        content_type: impl Into<Text>,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self::with(status, Content::Bytes(body.into())).with_header("Content-Type", content_type)
    }

    /// A JSON document.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string().into_bytes())
    }

    /// Plain text.
    pub fn text(status: u16, body: impl Into<Text>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", into_bytes(body.into()))
    }

    /// An HTML page.
    pub fn html(status: u16, body: impl Into<Text>) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", into_bytes(body.into()))
    }

    /// `length` bytes of a file, from its current position. If the file ends earlier, the connection is closed.
    pub fn file(status: u16, content_type: impl Into<Text>, file: File, length: u64) -> Self {
        Self::sized(status, content_type, file, length)
    }

    /// `length` bytes of `body`, made while they are sent. A body that ends earlier, or an error of it, breaks the connection
    /// off, so that the client notices.
    pub fn sized(
        status: u16,
        content_type: impl Into<Text>,
        body: impl Read + Send + 'static,
        length: u64,
    ) -> Self {
        Self::with(status, Content::Sized(Box::new(body), length))
            .with_header("Content-Type", content_type)
    }

    /// A body of unknown length, which is generated while it is sent. At an error of `body` the connection is closed, so that the
    /// client notices.
    pub fn stream(
        status: u16,
        content_type: impl Into<Text>,
        body: impl Read + Send + 'static,
    ) -> Self {
        Self::with(status, Content::Stream(Box::new(body)))
            .with_header("Content-Type", content_type)
    }

    /// An error in the form of the contract: a sentence for a person, and a code for a program.
    pub fn error(status: u16, code: &'static str, message: &str) -> Self {
        // Written by hand, because serde_json would sort the keys.
        let body = format!(r#"{{"error":{},"code":{}}}"#, Value::from(message), Value::from(code));
        let response = Self::bytes(status, "application/json", body.into_bytes());
        Self { code: Some(code), ..response }
    }

    /// Adds a header. Control characters in `value` become spaces, so a value cannot end its line.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        let mut value = value.into();
        if value.contains(char::is_control) {
            value = value.replace(char::is_control, " ").into();
        }
        self.headers.push((name.into(), value));
        self
    }

    /// The value of a header that was added.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The headers that were added, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Delays the response by [`crate::limit::REFUSAL_HELD`].
    #[must_use]
    pub fn delayed(mut self) -> Self {
        self.is_delayed = true;
        self
    }

    pub(crate) fn is_delayed(&self) -> bool {
        self.is_delayed
    }

    /// The whole body, also if it is a file or a stream.
    ///
    /// # Errors
    /// What the file or the stream says.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.body {
            Content::Empty => {}
            Content::Bytes(whole) => bytes = whole.into_owned(),
            Content::Sized(body, length) => drop(body.take(length).read_to_end(&mut bytes)?),
            Content::Stream(mut stream) => drop(stream.read_to_end(&mut bytes)?),
        }
        Ok(bytes)
    }

    /// The head of the response. It states the length of the body even if none follows (HEAD).
    fn head(&self, sending: &Sending<'_>) -> Vec<u8> {
        let mut head = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = write!(head, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if may_have_body(self.status) {
            let length = match &self.body {
                Content::Empty => Some(0),
                Content::Bytes(bytes) => Some(bytes.len() as u64),
                Content::Sized(_, length) => Some(*length),
                Content::Stream(_) => None,
            };
            let _ = match length {
                Some(length) => write!(head, "Content-Length: {length}\r\n"),
                None if sending.is_http_10 => Ok(()),
                None => write!(head, "Transfer-Encoding: chunked\r\n"),
            };
        }
        if sending.is_last {
            head.push_str("Connection: close\r\n");
        }
        let _ = write!(head, "Date: {}\r\n", httpdate::HttpDate::from(SystemTime::now()));
        head.push_str("Server: messenger\r\n");
        for (name, value) in DEFAULT_HEADERS.iter().filter(|(name, _)| self.header(name).is_none())
        {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if sending.is_https {
            let _ = write!(head, "Strict-Transport-Security: max-age={HSTS_SECONDS}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        for (name, value) in sending.cors {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "X-Request-Id: {}\r\n\r\n", sending.request_id);
        head.into_bytes()
    }

    /// Head and body in one piece. A body that is a file or a stream is left out.
    pub(crate) fn to_bytes(&self, sending: &Sending<'_>) -> Vec<u8> {
        let mut bytes = self.head(sending);
        if let Content::Bytes(body) = &self.body
            && may_have_body(self.status)
            && !sending.is_head
        {
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// Sends the response. Gives the client up if it reads nothing for `stall`, or, after the first `stall`, less than
    /// [`RESPONSE_BYTES_PER_SECOND_MIN`] on average.
    ///
    /// # Errors
    /// The error of the socket, the file or the stream. The response is incomplete, and the connection must be closed.
    pub(crate) fn send(
        self,
        stream: &TcpStream,
        sending: &Sending<'_>,
        stall: Duration,
    ) -> io::Result<()> {
        let mut paced = PacedSend::new(stall, RESPONSE_BYTES_PER_SECOND_MIN);
        let is_whole = sending.is_head || !may_have_body(self.status);
        match &self.body {
            Content::Bytes(body) if !is_whole && body.len() > JOINED_BYTES_MAX => {
                paced.send_all(stream, &self.head(sending))?;
                return paced.send_all(stream, body);
            }
            _ => paced.send_all(stream, &self.to_bytes(sending))?,
        }
        match self.body {
            _ if is_whole => Ok(()),
            Content::Empty | Content::Bytes(_) => Ok(()),
            Content::Sized(body, length) => copy_sized(body, length, stream, &mut paced),
            Content::Stream(body) => copy_stream(body, stream, !sending.is_http_10, &mut paced),
        }
    }
}

fn copy_sized(
    mut body: Box<dyn Read + Send>,
    mut left: u64,
    stream: &TcpStream,
    paced: &mut PacedSend,
) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match body.read(&mut buffer[..most])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                paced.send_all(stream, &buffer[..count])?;
                left -= count as u64;
            }
        }
    }
    Ok(())
}

/// Sends a stream in chunks; for HTTP/1.0 without chunks, until the end of the connection.
fn copy_stream(
    mut body: Box<dyn Read + Send>,
    stream: &TcpStream,
    is_chunked: bool,
    paced: &mut PacedSend,
) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = match body.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            outcome => outcome?,
        };
        if is_chunked {
            // The empty chunk is the last one; no trailers follow.
            let piece = [format!("{count:x}\r\n").as_bytes(), &buffer[..count], b"\r\n"].concat();
            paced.send_all(stream, &piece)?;
        } else {
            paced.send_all(stream, &buffer[..count])?;
        }
        if count == 0 {
            return Ok(());
        }
    }
}

impl From<HttpError> for Response {
    fn from(error: HttpError) -> Self {
        let response = Self::error(error.status, error.code, &error.message);
        match error.status {
            429 | 503 => response.with_header("Retry-After", RETRY_AFTER_SECONDS.to_string()),
            _ => response,
        }
    }
}

fn into_bytes(text: Text) -> Cow<'static, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Whether a response with this status may have a body and a length (RFC 9110).
fn may_have_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// The reason phrase of a status. Programs ignore it, but some refuse a status line without one.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        460 => "Checksum Mismatch",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Status",
    }
}

#[cfg(test)]
#[path = "response/tests.rs"]
mod tests;
