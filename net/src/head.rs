//! The head of a request: what it says, and whether it says it in exactly one way.
//!
//! Pure: bytes in, [`Head`] or [`HttpError`] out. Everything that two programs could read differently
//! (request smuggling) is refused rather than interpreted: the relay and the server behind it must
//! never disagree about where a request ends.

use std::ops::Range;

use crate::error::HttpError;
use crate::limit::{HEAD_BYTES_MAX, HEADERS_MAX};

/// Headers of which a second one could contradict the first.
const SINGLE: [&str; 8] = [
    "host",
    "content-length",
    "content-type",
    "authorization",
    "origin",
    "sec-fetch-site",
    "sec-websocket-key",
    "sec-websocket-version",
];

/// A request line and its headers, valid and unambiguous.
#[derive(Clone, Debug)]
pub struct Head {
    /// As sent, case included: `GET`.
    pub method: String,
    /// Path and query as sent, not decoded; begins with `/`.
    pub target: String,
    is_http_10: bool,
    length: Option<u64>,
    /// The head as it came; headers are slices of it.
    text: String,
    headers: Vec<(Slice, Slice)>,
}

/// Where in the text; a head is shorter than 64 KiB.
type Slice = Range<u16>;

/// Looks for the end of a head while it comes in; each byte is looked at once.
#[derive(Debug, Default)]
pub struct Scan {
    checked: usize,
}

impl Scan {
    /// How many of `bytes` are the head, once its empty line is there. `bytes` must begin with those
    /// of the call before.
    ///
    /// # Errors
    /// What can never become a head is refused at once, not at the deadline: NUL, a line end without
    /// CR, an empty first line, more than [`HEAD_BYTES_MAX`].
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, HttpError> {
        let until = bytes.len().min(HEAD_BYTES_MAX);
        for at in self.checked..until {
            match bytes[at] {
                0 => return Err(HttpError::bad_request("the head contains a NUL byte")),
                b'\n' if at == 0 || bytes[at - 1] != b'\r' => {
                    return Err(HttpError::bad_request(
                        "a line of the head does not end with CR LF",
                    ));
                }
                b'\n' if at == 1 => {
                    return Err(HttpError::bad_request("the request line is empty"));
                }
                b'\n' if bytes[..=at].ends_with(b"\r\n\r\n") => return Ok(Some(at + 1)),
                _ => {}
            }
        }
        self.checked = until;
        if until == HEAD_BYTES_MAX {
            return Err(HttpError::head_too_large("the head is larger than 16 KiB"));
        }
        Ok(None)
    }
}

impl Head {
    /// Reads a whole head, its empty line included and nothing after it.
    ///
    /// # Errors
    /// 400 for what is malformed or ambiguous, 411 for a transfer coding, 431 for too much.
    pub fn parse(bytes: &[u8]) -> Result<Self, HttpError> {
        match Scan::default().end(bytes)? {
            Some(end) if end == bytes.len() => Self::from_scanned(bytes.to_vec()),
            _ => Err(HttpError::bad_request("the head does not end with an empty line")),
        }
    }

    /// As [`Head::parse`], of bytes that a [`Scan`] has already found to be a head.
    pub(crate) fn from_scanned(bytes: Vec<u8>) -> Result<Self, HttpError> {
        let text = String::from_utf8(bytes)
            .map_err(|_| HttpError::bad_request("the head is not valid UTF-8"))?;
        let mut space = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut space);
        let status = request.parse(text.as_bytes()).map_err(refusal)?;
        if status != httparse::Status::Complete(text.len()) {
            return Err(HttpError::bad_request("the head is incomplete"));
        }
        let target = request.path.unwrap_or_default();
        if !target.starts_with('/') || !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err(HttpError::bad_request("the request target must be a path"));
        }
        let slice = |part: &[u8]| {
            let start = part.as_ptr().addr() - text.as_ptr().addr();
            // Bounded by HEAD_BYTES_MAX, which `limit` proves to fit.
            start as u16..(start + part.len()) as u16
        };
        let headers =
            request.headers.iter().map(|h| (slice(h.name.as_bytes()), slice(h.value))).collect();
        let mut head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: target.to_owned(),
            is_http_10: request.version == Some(0),
            length: None,
            headers,
            text,
        };
        head.length = head.check()?;
        Ok(head)
    }

    /// Refuses what could be read in two ways; the length of the body, if one is stated.
    fn check(&self) -> Result<Option<u64>, HttpError> {
        for name in SINGLE {
            if self.values(name).nth(1).is_some() {
                return Err(HttpError::new(
                    400,
                    "bad_request",
                    format!("more than one {name} header"),
                ));
            }
        }
        if self.header("host").is_none() && !self.is_http_10 {
            return Err(HttpError::bad_request("HTTP/1.1 needs a Host header"));
        }
        let length = self.header("content-length").map(length).transpose()?;
        if self.header("transfer-encoding").is_some() {
            return Err(match length {
                Some(_) => HttpError::bad_request("both Content-Length and Transfer-Encoding"),
                None => HttpError::length_required("send Content-Length, not Transfer-Encoding"),
            });
        }
        Ok(length)
    }

    /// The value of the first header of that name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of all headers of that name, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let has_name =
            move |(n, value): (&'_ str, _)| n.eq_ignore_ascii_case(name).then_some(value);
        self.headers().filter_map(has_name)
    }

    /// All headers as they came, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (self.at(name), self.at(value)))
    }

    fn at(&self, slice: &Slice) -> &str {
        self.text.get(usize::from(slice.start)..usize::from(slice.end)).unwrap_or_default()
    }

    /// The target up to its `?`, not decoded.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// What follows the target's first `?`, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Whether the client asks to speak WebSocket from here on.
    pub fn is_upgrade(&self) -> bool {
        self.lists("connection", "upgrade") && self.lists("upgrade", "websocket")
    }

    /// Whether a comma-separated header contains `word`, in any letter case.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|entry| entry.trim().eq_ignore_ascii_case(word))
    }

    /// Bytes of the body, if the request states them: one valid `Content-Length`.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }

    /// Whether the client speaks HTTP/1.0: it knows neither chunks nor 100 Continue.
    pub fn is_http_10(&self) -> bool {
        self.is_http_10
    }
}

/// Digits only. `+5`, `5, 5`, ` ` and 2^64 have all been read differently by somebody.
fn length(value: &str) -> Result<u64, HttpError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let length = digits.then(|| value.parse().ok()).flatten();
    length.ok_or(HttpError::bad_request("Content-Length is not a number"))
}

fn refusal(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::TooManyHeaders => HttpError::head_too_large("more than 64 headers"),
        httparse::Error::Version => {
            HttpError::new(505, "bad_request", "only HTTP/1.1 is spoken here")
        }
        httparse::Error::Token => HttpError::bad_request("the request line is malformed"),
        _ => HttpError::bad_request("the head is malformed"),
    }
}

#[cfg(test)]
#[path = "head/tests.rs"]
mod tests;
