//! A request as the handlers see it, whatever library it came through.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value};
use wire::Token;

use crate::error::ApiError;
use crate::limit::BODY_BYTES_MAX;

/// What was asked, by whom and when. Without `Debug`: it holds tokens and passwords.
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) method: String,
    /// As sent, not decoded.
    pub(crate) path: String,
    query: String,
    pub(crate) token: Option<Token>,
    /// The client's, as `net` has found it.
    pub(crate) address: IpAddr,
    body: Vec<u8>,
    /// When it was taken, in milliseconds.
    pub(crate) now: i64,
}

impl Request {
    /// Reads a request that was forwarded at `now`: `net` wrote the length and the `X-` headers itself.
    ///
    /// # Errors
    /// The connection broke off.
    pub(crate) fn read(request: &mut tiny_http::Request, now: i64) -> io::Result<Self> {
        let mut body = Vec::with_capacity(request.body_length().unwrap_or(0).min(BODY_BYTES_MAX));
        request.as_reader().take(BODY_BYTES_MAX as u64).read_to_end(&mut body)?;
        let header = |name: &'static str| {
            let found = request.headers().iter().find(|header| header.field.equiv(name));
            found.map_or("", |header| header.value.as_str())
        };
        let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
        Ok(Self {
            id: header("X-Request-Id").to_owned(),
            method: request.method().as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            token: Token::from_header(header("Authorization")),
            address: header("X-Real-Ip").parse().unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            body,
            now,
        })
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

    /// The first value of a key of the query, percent-decoded. A `+` stays one: emails have them, and have no spaces.
    pub(crate) fn query(&self, key: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| decoded(value)).next()
    }
}

/// The keys of a JSON object; unknown ones are ignored.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Takes out a text that must be there.
    ///
    /// # Errors
    /// 400, naming the key, if it is missing or no text.
    pub(crate) fn text(&mut self, key: &str) -> Result<String, ApiError> {
        self.maybe_text(key)?.ok_or_else(|| ApiError::bad_request(format!("`{key}` is missing")))
    }

    /// Takes out a text that may be there.
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
}

/// Percent-decodes (RFC 3986, section 2.1); what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().filter(|_| byte == b'%');
        let value = digits.and_then(|[high, low]| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        });
        out.push(value.unwrap_or(byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
impl Request {
    /// A request that came through no library.
    pub(crate) fn of(method: &str, target: &str, token: Option<&str>, body: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            id: String::new(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            token: token.and_then(Token::parse),
            address: Ipv4Addr::LOCALHOST.into(),
            body: body.as_bytes().to_vec(),
            now: i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_once() {
        let request = Request::of("GET", "/users?x=1&email=a%2Bb%40c%2540+%zz%&email=no", None, "");
        assert_eq!(request.query("email").unwrap(), "a+b@c%40+%zz%");
        assert_eq!(request.query("mail"), None);
        assert_eq!(Request::of("GET", "/users?email", None, "").query("email"), None);
    }

    #[test]
    fn what_is_wrong_with_a_body_names_the_key_and_repeats_no_value() {
        let sentence = |body: &str| {
            let fields = Request::of("POST", "/", None, body).fields();
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
