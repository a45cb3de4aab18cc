//! A request for the handlers of `verb`.

use std::net::IpAddr;

use serde_json::{Map, Value};
use wire::Token;

use crate::cookie::CookieKind;
use crate::error::ApiError;

/// A request. Not `Debug`, since it contains tokens and passwords.
pub(crate) struct Request {
    /// The path, percent-decoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) token: Option<Token>,
    /// Whether the token came in a cookie.
    pub(crate) is_cookie: bool,
    /// The attributes for a cookie, if the client is a browser.
    pub(crate) cookie: CookieKind,
    /// The client's address. Behind a trusted proxy it is the one that the proxy names.
    pub(crate) address: IpAddr,
    pub(crate) body: Vec<u8>,
    /// The time of the request, in milliseconds since 1970.
    pub(crate) now: i64,
}

impl Request {
    /// A request that was received at `now`.
    pub(crate) fn new(request: &http::Request<'_>, now: i64) -> Self {
        let head = &request.head;
        let shown = Shown::by(request);
        Self {
            path: head.path().to_owned(),
            query: head.query().unwrap_or_default().to_owned(),
            token: shown.token,
            is_cookie: shown.is_cookie,
            cookie: shown.cookie,
            address: request.address,
            body: request.body.bytes().to_vec(),
            now,
        }
    }

    /// The response to a request that ends its session: a browser forgets the cookie.
    pub(crate) fn without_cookie(&self, response: http::Response) -> http::Response {
        match self.is_cookie {
            true => response.with_header("Set-Cookie", self.cookie.removed()),
            false => response,
        }
    }

    /// The last segment of the path, for routes that end in `{id}`.
    pub(crate) fn last_segment(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, segment)| segment)
    }

    /// The body's keys.
    ///
    /// # Errors
    /// 400 if it is not one JSON object.
    pub(crate) fn fields(&self) -> Result<Fields, ApiError> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(ApiError::bad_request("the body must be a JSON object")),
            Err(_) if wire::has_unpaired_surrogate(&self.body) => Err(ApiError::bad_request(
                format!("the body cannot be read: {}", wire::UNPAIRED_SURROGATE),
            )),
            // serde_json names the place and what it expected there, not what it found.
            Err(error) => Err(ApiError::bad_request(format!("the body is not JSON: {error}"))),
        }
    }

    /// The first value of a key of the query, percent-decoded.
    pub(crate) fn query(&self, key: &str) -> Option<String> {
        http::head::query_value(&self.query, key)
    }
}

/// The token that a request presents, and where it came from.
pub(crate) struct Shown {
    pub(crate) token: Option<Token>,
    pub(crate) is_cookie: bool,
    pub(crate) cookie: CookieKind,
}

impl Shown {
    /// The token of the `Authorization` header; without one, that of the cookie, if no page of another site sends it.
    pub(crate) fn by(request: &http::Request<'_>) -> Self {
        let head = &request.head;
        let cookie = CookieKind::of(head, request.is_https);
        match head.header("authorization") {
            Some(value) => Self { token: Token::from_header(value), is_cookie: false, cookie },
            None => {
                let token = cookie.token(head).filter(|_| request.may_use_cookie);
                Self { is_cookie: token.is_some(), token, cookie }
            }
        }
    }

    /// Whether a page of another site wants to authenticate with the cookie.
    pub(crate) fn is_foreign(request: &http::Request<'_>) -> bool {
        let cookie = CookieKind::of(&request.head, request.is_https);
        !request.may_use_cookie
            && request.head.header("authorization").is_none()
            && cookie.token(&request.head).is_some()
    }
}

/// The keys of a JSON object; unknown ones are ignored.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Takes out a required text.
    ///
    /// # Errors
    /// 400, naming the key, if it is missing or no text.
    pub(crate) fn text(&mut self, key: &str) -> Result<String, ApiError> {
        self.maybe_text(key)?.ok_or_else(|| ApiError::bad_request(format!("`{key}` is missing")))
    }

    /// Takes out an optional text.
    ///
    /// # Errors
    /// 400, naming the key, if it is there and no text.
    pub(crate) fn maybe_text(&mut self, key: &str) -> Result<Option<String>, ApiError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ApiError::bad_request(format!("`{key}` must be a text"))),
        }
    }

    /// Takes out an optional text that may be `null`.
    ///
    /// # Errors
    /// 400, naming the key, if it is there and neither.
    pub(crate) fn nullable_text(&mut self, key: &str) -> Result<Option<Option<String>>, ApiError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(text)) => Ok(Some(Some(text))),
            Some(_) => Err(ApiError::bad_request(format!("`{key}` must be a text or null"))),
        }
    }

    /// Takes out a boolean; `false` if it is missing.
    ///
    /// # Errors
    /// 400, naming the key, if it is neither.
    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, ApiError> {
        Ok(self.maybe_flag(key)?.unwrap_or(false))
    }

    /// Takes out an optional boolean.
    ///
    /// # Errors
    /// 400, naming the key, if it is there and no boolean.
    pub(crate) fn maybe_flag(&mut self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(ApiError::bad_request(format!("`{key}` must be true or false"))),
        }
    }
}

#[cfg(test)]
impl Request {
    /// A request that came through no library.
    pub(crate) fn of(target: &str, token: Option<&str>, body: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            path: path.to_owned(),
            query: query.to_owned(),
            token: token.and_then(Token::parse),
            is_cookie: false,
            cookie: CookieKind::Secure,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            body: body.as_bytes().to_vec(),
            now: i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_body_names_the_key_and_repeats_no_value() {
        let sentence = |body: &str| {
            let fields = Request::of("/", None, body).fields();
            let text = fields.and_then(|mut fields| fields.text("password"));
            text.err().unwrap().sentence.into_owned()
        };
        assert_eq!(sentence("{}"), "`password` is missing");
        for wrong in ["null", "77123", "[\"s3cret\"]", "{}", "true"] {
            assert_eq!(sentence(&format!("{{\"password\":{wrong}}}")), "`password` must be a text");
        }
        for body in
            ["\"s3cret\"", "[]", "null", "", "{", "{\"password\":\"s3cret", "{\"password\":s3cret}"]
        {
            assert!(!sentence(body).contains("s3cret"), "{}", sentence(body));
        }
        for body in [r#"{"password":"s3cret\ud83d"}"#, r#"{"x":["\ude00"],"password":"s3cret"}"#] {
            let said = sentence(body);
            assert!(said.contains("half of a character") && !said.contains("s3cret"), "{said}");
        }
    }
}
