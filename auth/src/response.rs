//! What is answered, and how it is written by the library.

use std::borrow::Cow;
use std::io::{self, Cursor, Read, Write as _};

use serde::Serialize;
use tiny_http::{HTTPVersion, Header, StatusCode};

use crate::error::ApiError;
use crate::limit::STREAM_BYTES;

/// An answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
    /// The code, if it is a refusal.
    pub(crate) code: Option<&'static str>,
}

enum Body {
    Whole(Cow<'static, [u8]>),
    /// Of unknown length, and perhaps larger than memory. If it breaks off the connection ends without the last chunk.
    Stream(Box<dyn Read + Send>),
}

impl Response {
    /// Nothing more to say: 204.
    pub(crate) fn done() -> Self {
        Self::new(204, Body::Whole(Cow::Borrowed(b"")))
    }

    /// A JSON document about somebody, to be kept by no cache.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Result<Self, ApiError> {
        let bytes = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
        Ok(Self::new(status, Body::Whole(Cow::Owned(bytes))).private())
    }

    /// A JSON document that is the same for everyone.
    pub(crate) fn document(text: &'static str) -> Self {
        Self::new(200, Body::Whole(Cow::Borrowed(text.as_bytes())))
    }

    /// A JSON document that is made while it is sent; the browser saves it as `name`.
    pub(crate) fn stream(name: &str, body: Box<dyn Read + Send>) -> Self {
        let disposition = format!("attachment; filename=\"{name}\"");
        Self::new(200, Body::Stream(body)).private().header("Content-Disposition", disposition)
    }

    fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, code: None }
    }

    fn private(self) -> Self {
        self.header("Cache-Control", "no-store")
    }

    /// Adds a header; names and values are ASCII.
    pub(crate) fn header(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes the answer.
    ///
    /// # Errors
    /// The client is gone, or the stream broke off; then the client has half a document, which is not JSON.
    pub(crate) fn send(mut self, request: tiny_http::Request) -> io::Result<()> {
        self.headers.push(("Server", Cow::Borrowed("messenger")));
        self.headers.push(("X-Content-Type-Options", Cow::Borrowed("nosniff")));
        if self.status != 204 {
            self.headers.push(("Content-Type", Cow::Borrowed("application/json")));
        }
        match self.body {
            Body::Whole(bytes) => {
                let length = bytes.len();
                let headers = headers(&self.headers);
                let (status, body) = (StatusCode(self.status), Cursor::new(bytes));
                let response = tiny_http::Response::new(status, headers, body, Some(length), None);
                request.respond(response.with_chunked_threshold(usize::MAX))
            }
            Body::Stream(body) => stream(request, self.status, &self.headers, body),
        }
    }
}

/// The library would end a body that breaks off as a whole one, and for HTTP/1.0, which has no chunks, hold all of it in memory.
/// There the end of the connection ends it instead.
fn stream(
    request: tiny_http::Request,
    status: u16,
    headers: &[(&'static str, Cow<'static, str>)],
    mut body: Box<dyn Read + Send>,
) -> io::Result<()> {
    let is_head = *request.method() == tiny_http::Method::Head;
    let is_chunked = *request.http_version() >= HTTPVersion(1, 1);
    let mut writer = request.into_writer();
    write!(writer, "HTTP/1.1 {status} OK\r\n")?;
    for (name, value) in headers {
        write!(writer, "{name}: {value}\r\n")?;
    }
    if is_chunked {
        writer.write_all(b"Transfer-Encoding: chunked\r\n")?;
    }
    writer.write_all(b"\r\n")?;
    if is_head {
        return writer.flush();
    }
    if !is_chunked {
        io::copy(&mut body, &mut writer)?;
        return writer.flush();
    }
    let mut piece = vec![0; STREAM_BYTES];
    loop {
        let count = match body.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        write!(writer, "{count:x}\r\n")?;
        writer.write_all(&piece[..count])?;
        writer.write_all(b"\r\n")?;
        if count == 0 {
            return writer.flush();
        }
    }
}

fn headers(headers: &[(&'static str, Cow<'static, str>)]) -> Vec<Header> {
    let header = |(name, value): &(&'static str, Cow<'static, str>)| {
        let header = Header::from_bytes(name.as_bytes(), value.as_bytes()).ok();
        debug_assert!(header.is_some(), "{name} is not ASCII");
        header
    };
    headers.iter().filter_map(header).collect()
}

impl From<ApiError> for Response {
    fn from(refusal: ApiError) -> Self {
        #[derive(Serialize)]
        struct Error<'a> {
            error: &'a str,
            code: &'a str,
        }
        let code = refusal.code.word();
        let error = Error { error: &refusal.sentence, code };
        // Two texts always serialize.
        let bytes = serde_json::to_vec(&error).unwrap_or_default();
        let body = Body::Whole(Cow::Owned(bytes));
        let mut answer = Self::new(refusal.code.status(), body).private();
        answer.code = Some(code);
        match refusal.header {
            Some((name, value)) => answer.header(name, value),
            None => answer,
        }
    }
}

#[cfg(test)]
impl Response {
    /// The whole body.
    pub(crate) fn text(self) -> String {
        let mut text = String::new();
        match self.body {
            Body::Whole(bytes) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            Body::Stream(mut body) => drop(body.read_to_string(&mut text).unwrap()),
        }
        text
    }
}
