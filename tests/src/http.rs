//! Requests to the accounts' server, where a refusal is an answer like any other.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// No answer takes this long, even when 200 ask at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// One request, to be filled in and sent.
pub struct Call {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// What came back.
pub struct Answer {
    /// The request, for messages.
    request: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; `null` if it is none.
    pub body: Value,
}

impl Call {
    /// A request without a body or a token.
    pub fn new(method: &str, url: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Gives it a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes())
    }

    /// Gives it a body as it is, called JSON.
    #[must_use]
    pub fn bytes(self, body: Vec<u8>) -> Self {
        self.typed("application/json", body)
    }

    /// Gives it a body as it is, called `kind`.
    #[must_use]
    pub fn typed(mut self, kind: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("content-type", kind)
    }

    /// Sends it on a connection of its own and reads the whole answer.
    ///
    /// # Errors
    /// Only when no answer came.
    pub fn send(self) -> Result<Answer> {
        let request = format!("{} {}", self.method, self.url);
        let mut builder = Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let outcome = match (self.body, self.method.as_str()) {
            (Some(body), _) => agent().run(builder.body(body)?),
            (None, "GET" | "HEAD") => agent().run(builder.body(())?),
            // Says `Content-Length: 0`; left to itself, ureq would announce chunks.
            (None, _) => agent().run(builder.body(Vec::new())?),
        };
        let mut response = outcome.with_context(|| format!("no answer to {request}"))?;
        let bytes = response.body_mut().read_to_vec().with_context(|| request.clone())?;
        let text = String::from_utf8(bytes)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { request, status, headers, text, body })
    }
}

impl Answer {
    /// The answer, if it has this status, and JSON if it has anything.
    ///
    /// # Errors
    /// When it has not.
    pub fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "{}: expected {status}, got {} {}",
            self.request,
            self.status,
            self.text
        );
        let is_json = self.header("content-type").is_some_and(|kind| kind.contains("json"));
        ensure!(
            status == 204 || (is_json && !self.body.is_null()),
            "{}: not JSON: {:?} {}",
            self.request,
            self.header("content-type"),
            self.text
        );
        Ok(self)
    }

    /// # Errors
    /// When it has another status.
    pub fn is(&self, status: u16) -> Result<()> {
        let Self { request, text, .. } = self;
        ensure!(self.status == status, "{request}: expected {status}, got {} {text}", self.status);
        Ok(())
    }

    /// The refusal, if it is one of this status: a sentence for a person and a stable word.
    ///
    /// # Errors
    /// When it is not.
    pub fn refused(self, status: u16) -> Result<Self> {
        let answer = self.expect(status)?;
        let sentence = answer.body["error"].as_str().unwrap_or_default();
        let word = answer.body["code"].as_str().unwrap_or_default();
        let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        ensure!(
            !sentence.is_empty() && is_word,
            "{}: no `error` and `code`: {}",
            answer.request,
            answer.text
        );
        Ok(answer)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server asks to wait, of an answer that must say so.
    ///
    /// # Errors
    /// When `Retry-After` is missing or is no number of seconds from 1.
    pub fn retry_after(&self) -> Result<Duration> {
        let value = self
            .header("retry-after")
            .with_context(|| format!("{}: {} without Retry-After", self.request, self.status))?;
        let seconds: u64 = value.parse().with_context(|| format!("Retry-After: {value}"))?;
        ensure!(seconds > 0, "Retry-After: {value}");
        Ok(Duration::from_secs(seconds))
    }
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .max_idle_connections(0)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into()
    })
}
