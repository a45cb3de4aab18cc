//! The head of a request: parses it, and refuses what is ambiguous.
//!
//! The functions are pure: they turn bytes into a [`Head`] or an [`HttpError`]. They refuse everything that two programs could
//! interpret differently (request smuggling): a proxy, this server and a library behind it must agree where a request ends.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use crate::error::HttpError;
use crate::limit::{HEAD_BYTES_MAX, HEADERS_MAX};

/// Headers that may occur only once, since a second one could contradict the first.
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
    /// Path and query as sent, not decoded; begins with `/`, or is `*` for OPTIONS.
    pub target: String,
    /// The path, percent-decoded.
    path: String,
    /// The authority of a target in absolute form. It replaces `Host`.
    authority: Option<String>,
    is_http_10: bool,
    framing: Framing,
    /// The text of the head. Headers are slices of it.
    text: String,
    headers: Vec<(Slice, Slice)>,
}

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Absent,
    /// A body with this number of bytes.
    Length(u64),
    /// A chunked body, which ends with an empty chunk.
    Chunked,
}

/// A range of the text. A head is shorter than 64 KiB.
type Slice = Range<u16>;

/// Looks for the end of a head while it arrives. Each byte is examined once.
#[derive(Debug, Default)]
pub struct Scan {
    checked: usize,
}

impl Scan {
    /// The number of bytes of the head, once its empty line has arrived. `bytes` must begin with the bytes of the previous call.
    ///
    /// # Errors
    /// Bytes that can never become a head are refused at once and not at the deadline: NUL, a line end without CR, an empty
    /// first line, more than [`HEAD_BYTES_MAX`].
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
    /// Parses a whole head, including its empty line and nothing after it.
    ///
    /// # Errors
    /// 400: malformed or ambiguous. 501: unknown transfer coding. 431: too many or too long headers.
    pub fn parse(bytes: &[u8]) -> Result<Self, HttpError> {
        match Scan::default().end(bytes)? {
            Some(end) if end == bytes.len() => Self::from_scanned(bytes.to_vec()),
            _ => Err(HttpError::bad_request("the head does not end with an empty line")),
        }
    }

    /// The same as [`Head::parse`], for bytes that a [`Scan`] has accepted.
    pub(crate) fn from_scanned(mut bytes: Vec<u8>) -> Result<Self, HttpError> {
        understand_minor_version(&mut bytes);
        let mut space = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut space);
        let status = request.parse(&bytes).map_err(refusal)?;
        if status != httparse::Status::Complete(bytes.len()) {
            return Err(HttpError::bad_request("the head is incomplete"));
        }
        let method = request.method.unwrap_or_default().to_owned();
        let (authority, target) = target(&method, request.path.unwrap_or_default())?;
        let path = decoded_path(&target)?;
        let slice = |part: &[u8]| {
            let start = part.as_ptr().addr() - bytes.as_ptr().addr();
            // Bounded by HEAD_BYTES_MAX, which `limit` proves to fit.
            start as u16..(start + part.len()) as u16
        };
        let mut headers = Vec::with_capacity(request.headers.len());
        for header in &*request.headers {
            if std::str::from_utf8(header.value).is_err() && is_significant(header.name) {
                return Err(HttpError::bad_request("a header is not valid UTF-8"));
            }
            headers.push((slice(header.name.as_bytes()), slice(header.value)));
        }
        let is_http_10 = request.version == Some(0);
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            // Only values of other headers, which a proxy may have completed (`X-Forwarded-For`), so none is dropped.
            // Every byte in its place, so that slices hold.
            let bytes = error.into_bytes();
            bytes
                .into_iter()
                .map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' })
                .collect()
        });
        let framing = Framing::Absent;
        let mut head = Self { method, target, path, authority, is_http_10, framing, headers, text };
        head.framing = head.check()?;
        Ok(head)
    }

    /// Refuses an ambiguous head. Returns the length of the body.
    fn check(&self) -> Result<Framing, HttpError> {
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
        let mut codings = self.values("transfer-encoding");
        let coding = codings.next();
        let framing = match (coding, length) {
            (None, None) => Framing::Absent,
            (None, Some(length)) => Framing::Length(length),
            (Some(_), Some(_)) => {
                return Err(HttpError::bad_request("both Content-Length and Transfer-Encoding"));
            }
            (Some(_), None) if self.is_http_10 || codings.next().is_some() => {
                return Err(HttpError::bad_request("Transfer-Encoding is ambiguous"));
            }
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunked,
            (Some(_), None) => {
                let sentence = "the only transfer coding known here is chunked";
                return Err(HttpError::new(501, "bad_request", sentence));
            }
        };
        if self.is_upgrade() && !matches!(framing, Framing::Absent | Framing::Length(0)) {
            return Err(HttpError::bad_request("an upgrade has no body"));
        }
        Ok(framing)
    }

    /// The value of the first header of that name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        if let Some(authority) =
            self.authority.as_deref().filter(|_| name.eq_ignore_ascii_case("host"))
        {
            return Some(authority);
        }
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

    /// The target up to its `?`, percent-decoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What follows the target's first `?`, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Whether the client asks for an upgrade to WebSocket.
    pub fn is_upgrade(&self) -> bool {
        self.lists("connection", "upgrade") && self.lists("upgrade", "websocket")
    }

    /// Whether a comma-separated header contains `word`, in any letter case.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|entry| entry.trim().eq_ignore_ascii_case(word))
    }

    /// How long the body is.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether there is a body. A chunked one may be empty.
    pub fn has_body(&self) -> bool {
        !matches!(self.framing, Framing::Absent | Framing::Length(0))
    }

    /// The first value of a key of the query, percent-decoded. A `+` stays one: emails have them, and have no spaces.
    pub fn query_value(&self, key: &str) -> Option<String> {
        query_value(self.query()?, key)
    }

    /// Whether the client speaks HTTP/1.0: it knows neither chunks nor 100 Continue.
    pub fn is_http_10(&self) -> bool {
        self.is_http_10
    }
}

/// Parses digits only. Programs differ in what they make of `+5`, `5, 5`, ` ` and 2^64.
fn length(value: &str) -> Result<u64, HttpError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let length = digits.then(|| value.parse().ok()).flatten();
    length.ok_or(HttpError::bad_request("Content-Length is not a number"))
}

/// The same as [`Head::query_value`], for a query string.
pub fn query_value(query: &str, key: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == key)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// HTTP/1.2 and later minor versions are understood as HTTP/1.1 (RFC 9110, section 2.5).
fn understand_minor_version(head: &mut [u8]) {
    let line = head.iter().position(|byte| *byte == b'\r').unwrap_or(0);
    if let Some((version, minor)) =
        head[..line].split_last_chunk::<9>().map(|(_, last)| (last, last[8]))
        && version.starts_with(b" HTTP/1.")
        && (b'2'..=b'9').contains(&minor)
    {
        head[line - 1] = b'1';
    }
}

/// Splits a target in absolute form (RFC 9112, section 3.2.2).
fn target(method: &str, text: &str) -> Result<(Option<String>, String), HttpError> {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let (authority, target) = match scheme {
        Some(scheme) => {
            let rest = &text[scheme.len()..];
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, target) = rest.split_at(end);
            let slash = if target.starts_with('/') { "" } else { "/" };
            (Some(authority.to_owned()), format!("{slash}{target}"))
        }
        None => (None, text.to_owned()),
    };
    let is_authority = authority.as_deref().is_none_or(|it| !it.is_empty() && !it.contains('@'));
    let is_path = target.starts_with('/') || (method == "OPTIONS" && target == "*");
    if !is_path || !is_authority || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(HttpError::bad_request("the request target must be a path"));
    }
    Ok((authority, target))
}

/// The path of a target, percent-decoded.
///
/// # Errors
/// 404 if it is not UTF-8, or has a control character or a segment `..`: no resource has such a path.
pub fn decoded_path(target: &str) -> Result<String, HttpError> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let path = percent_decode_str(path).decode_utf8().ok();
    let path = path.filter(|path| {
        !path.contains(char::is_control) && path.split('/').all(|segment| segment != "..")
    });
    let path = path.ok_or(HttpError::new(404, "not_found", "there is no such page"))?;
    Ok(path.into_owned())
}

/// Whether a header decides where a request ends or what it may do.
fn is_significant(name: &str) -> bool {
    name.eq_ignore_ascii_case("transfer-encoding")
        || SINGLE.iter().any(|single| name.eq_ignore_ascii_case(single))
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
