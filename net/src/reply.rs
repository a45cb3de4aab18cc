//! One answer, and the last: every reply ends its connection.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::net::TcpStream;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use crate::deadline::send_all;
use crate::error::HttpError;
use crate::limit::RETRY_AFTER_SECONDS;

/// Up to this many bytes a body is sent together with its head, at the price of a copy.
const JOINED_BYTES_MAX: usize = 16 * 1024;

/// A status, headers and a body that is whole in memory.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Further headers, in order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
}

impl Reply {
    /// Any body of any type; a `&'static [u8]` is not copied.
    pub fn new(
        status: u16,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }

    /// A JSON document.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string().into_bytes())
    }

    /// Nothing to say: 204.
    pub fn no_content() -> Self {
        Self::new(204, "", &b""[..])
    }

    /// Plain text.
    pub fn text(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", into_bytes(body.into()))
    }

    /// A page.
    pub fn html(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, "text/html; charset=utf-8", into_bytes(body.into()))
    }

    /// The contract's error: a sentence for a person, a stable word for a program.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        // By hand: serde_json would put the keys in the order of the alphabet.
        let (message, code) = (Value::from(message), Value::from(code));
        let body = format!(r#"{{"error":{message},"code":{code}}}"#);
        Self::new(status, "application/json", body.into_bytes())
    }

    /// Adds a header. Control characters in `value` become spaces: a value cannot end its line.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let mut value = value.into();
        if value.contains(char::is_control) {
            value = value.replace(char::is_control, " ");
        }
        self.headers.push((name, value));
        self
    }

    /// The head of the reply. It announces the body also where none follows (HEAD).
    fn head(&self) -> String {
        let mut head = String::with_capacity(256);
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a String cannot fail.
            let _ = write!(head, "{name}{value}\r\n");
        };
        line("HTTP/1.1 ", &format_args!("{} {}", self.status, reason(self.status)));
        if has_body(self.status) {
            line("Content-Type: ", &self.content_type);
            line("Content-Length: ", &self.body.len());
        }
        line("Connection: ", &"close");
        line("Date: ", &httpdate::HttpDate::from(SystemTime::now()));
        if !self.headers.iter().any(|(name, _)| *name == "Cache-Control") {
            line("Cache-Control: ", &"no-store");
        }
        line("X-Content-Type-Options: ", &"nosniff");
        for (name, value) in &self.headers {
            line(name, &format_args!(": {value}"));
        }
        line("", &"");
        head
    }

    /// All bytes of the reply in one piece.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head().into_bytes();
        if has_body(self.status) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// Sends the reply until `by`; without its body if the request was a HEAD.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at the deadline; else what the socket says.
    pub fn send(&self, stream: &TcpStream, is_head: bool, by: Instant) -> io::Result<()> {
        if is_head || !has_body(self.status) {
            send_all(stream, self.head().as_bytes(), by)
        } else if self.body.len() <= JOINED_BYTES_MAX {
            send_all(stream, &self.bytes(), by)
        } else {
            send_all(stream, self.head().as_bytes(), by)?;
            send_all(stream, &self.body, by)
        }
    }
}

impl From<HttpError> for Reply {
    fn from(refusal: HttpError) -> Self {
        let reply = Self::error(refusal.status, refusal.code, &refusal.message);
        match refusal.status {
            429 | 503 => reply.with_header("Retry-After", RETRY_AFTER_SECONDS.to_string()),
            _ => reply,
        }
    }
}

fn into_bytes(text: Cow<'static, str>) -> Cow<'static, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// RFC 9110: these statuses have no body and state no length.
fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// The phrase beside the number; nobody reads it, some refuse a line without it.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
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
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        String::from_utf8(reply.bytes()).unwrap()
    }

    #[test]
    fn an_error_is_the_contracts_json() {
        let text = written(&Reply::error(404, "not_found", "no \"such\" thing"));
        let (_, date) = text.split_once("\r\nDate: ").unwrap();
        let (date, _) = date.split_once("\r\n").unwrap();
        let sent = httpdate::parse_http_date(date).unwrap();
        assert!(sent.elapsed().unwrap().as_secs() < 60, "{date}");
        assert_eq!(
            text.replace(date, "NOW"),
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\
             Connection: close\r\nDate: NOW\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n\
             {\"error\":\"no \\\"such\\\" thing\",\"code\":\"not_found\"}"
        );
        let cached = Reply::text(200, "x").with_header("Cache-Control", "no-cache");
        assert!(!written(&cached).contains("no-store"));
    }

    #[test]
    fn a_header_cannot_end_its_line() {
        let reply = Reply::text(200, "x").with_header("X-A", "1\r\nSet-Cookie: evil=1");
        assert!(written(&reply).contains("\r\nX-A: 1  Set-Cookie: evil=1\r\n\r\nx"));
    }

    #[test]
    fn no_content_has_no_length() {
        let text = written(&Reply::json(204, &Value::Null));
        assert!(!text.contains("Content-Length") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn who_may_come_back_is_told_when() {
        assert!(written(&HttpError::unavailable("full").into()).contains("\r\nRetry-After: 2\r\n"));
        assert!(!written(&HttpError::bad_request("bad").into()).contains("Retry-After"));
    }
}
