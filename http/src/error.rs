//! The refusal of a request: a sentence for a person and a code for a program.

use std::borrow::Cow;

/// A request that is refused; becomes the contract's `{"error":"sentence","code":"word"}` as a
/// [`crate::Response`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// The HTTP status.
    pub status: u16,
    /// A stable word.
    pub code: &'static str,
    /// A sentence for a person. It reveals nothing about the inside of the server.
    pub message: Cow<'static, str>,
}

impl HttpError {
    /// A refusal with this status, code and sentence.
    pub fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400 `bad_request`: the request is not valid HTTP.
    pub const fn bad_request(message: &'static str) -> Self {
        Self { status: 400, code: "bad_request", message: Cow::Borrowed(message) }
    }

    /// 403 `foreign_origin`: a web page of an origin that may not use the server.
    pub const fn foreign_origin() -> Self {
        Self {
            status: 403,
            code: "foreign_origin",
            message: Cow::Borrowed(
                "pages of this origin may not use the server; its operator can allow the origin with \
                 --allow-origin, or name the server's own address with --public-url",
            ),
        }
    }

    /// 408 `timeout`: the request took longer to send than it may.
    pub const fn timeout(message: &'static str) -> Self {
        Self { status: 408, code: "timeout", message: Cow::Borrowed(message) }
    }

    /// 413 `too_large`: the body is larger than the server takes.
    pub fn too_large(max: u64) -> Self {
        Self::new(413, "too_large", format!("the body is larger than {max} bytes"))
    }

    /// 415 `unsupported_media_type`: a body that is not called what it has to be.
    pub fn unsupported_media_type(body_type: &str) -> Self {
        let message = format!("this body is sent with Content-Type: {body_type}");
        Self::new(415, "unsupported_media_type", message)
    }

    /// 415 `unsupported_media_type`: the body has a `Content-Encoding`.
    pub const fn unsupported_encoding() -> Self {
        Self {
            status: 415,
            code: "unsupported_media_type",
            message: Cow::Borrowed("send the body without a Content-Encoding"),
        }
    }

    /// 421 `wrong_host`: the `Host` is not a name of this server.
    pub const fn wrong_host() -> Self {
        Self {
            status: 421,
            code: "wrong_host",
            message: Cow::Borrowed(
                "this server is not reached by that name; its operator can add the name with --allow-host",
            ),
        }
    }

    /// 431 `head_too_large`: too many or too long header lines.
    pub const fn head_too_large(message: &'static str) -> Self {
        Self { status: 431, code: "head_too_large", message: Cow::Borrowed(message) }
    }

    /// 429 `rate_limited`: this address has used up its connections.
    pub const fn address_full() -> Self {
        Self {
            status: 429,
            code: "rate_limited",
            message: Cow::Borrowed("too many connections from this address"),
        }
    }

    /// 503 `unavailable`: the server is full, or cannot do its job at the moment.
    pub const fn unavailable(message: &'static str) -> Self {
        Self { status: 503, code: "unavailable", message: Cow::Borrowed(message) }
    }
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HttpError {}
