//! Rules for requests of web pages: `Host`, `Origin`, `Sec-Fetch-Site`, the body's type, and CORS.
//!
//! A browser sends requests for any page that it shows, so a page can reach servers that its author cannot: one on
//! loopback, or one behind a firewall. Three rules keep foreign pages out. Both servers apply them before they read a
//! body or ask a database:
//!
//! 1. **Host** (DNS rebinding: a page's author lets the page's own name resolve to this machine). The host must be a
//!    name of this server, `localhost` or an IP address, else 421. A request without `Host` is HTTP/1.0 and comes from
//!    no browser; it passes.
//! 2. **Origin**. A request that changes something and has an `Origin` or a `Sec-Fetch-Site` comes from a page. The
//!    page must be of our own origin or an allowed one, else 403. Our own origin is `http` or `https` with the very
//!    `Host`, or that of the public URL; where `Host` is the public URL's, its scheme counts too.
//! 3. **Type**. Such a request's body must be `application/json`, or what [`crate::Service::body_type`] says in its place,
//!    else 415: the types of forms are sent without a preflight.
//!
//! A request with neither header comes from a program, and rules 2 and 3 leave it alone. So are requests that only
//! read: a foreign page has no token to send, and without CORS it cannot read the answer. Whoever accepts a cookie asks
//! [`crate::Request::may_use_cookie`] first: rule 2 for requests that read as well, without other allowed origins.
//!
//! **Upgrades** to WebSocket change something, and for them the rule of origins leaves the port aside: the web client
//! comes from the accounts' server's port of the same host. That is safe as long as no cookie opens a socket: a page
//! that another program serves on this host still needs a token, and in guest mode it gets what any visitor gets.
//!
//! **CORS** is for allowed origins only and never with credentials: their pages use a Bearer token.

use std::time::Instant;

use net::Endpoint;
use net::host::Host;
use net::metrics::Cause;

use crate::error::HttpError;
use crate::head::Head;
use crate::limit::{HOST_CHARS_LOGGED, HOST_WARN_INTERVAL, PREFLIGHT_KEPT};
use crate::origin::Origin;
use telemetry::LogLimiter;

/// The operator's settings.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Origins of other sites whose pages may use the server.
    pub allowed_origins: Vec<Origin>,
    /// Names under which the server is reached, in lower case.
    pub allowed_hosts: Vec<String>,
    /// The URL that users open.
    pub public_url: Option<Origin>,
}

/// The rules of one listener.
#[derive(Debug)]
pub(crate) struct Web {
    rules: Rules,
    /// Whether any host is accepted: clients of other machines can connect, and no setting says under which name.
    is_any_host: bool,
    warned: LogLimiter,
}

/// Headers that an allowed page may send: those of uploads (tus) and downloads as well.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, If-None-Match, If-Range, Range, Tus-Resumable, \
    Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Request-Id, X-Requested-With";
/// Headers of responses that an allowed page may read.
const EXPOSED_HEADERS: &str = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Location, \
    Retry-After, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, Upload-Length, Upload-Metadata, \
    Upload-Offset, X-Request-Id";

/// Additional headers of a response.
pub(crate) type Headers = Vec<(&'static str, String)>;

impl Web {
    /// The rules of a server that listens at `endpoints`.
    pub(crate) fn new<'a>(rules: Rules, mut endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let is_named = rules.public_url.is_some() || !rules.allowed_hosts.is_empty();
        let is_any_host = !is_named && endpoints.any(|endpoint| !endpoint.is_local());
        Self { rules, is_any_host, warned: LogLimiter::new(HOST_WARN_INTERVAL) }
    }

    /// Checks whether the request may be answered.
    ///
    /// # Errors
    /// 421, 403 or 415, according to the rules above.
    pub(crate) fn check(
        &self,
        head: &Head,
        body_type: &'static str,
    ) -> Result<(), (Cause, HttpError)> {
        if let Some(host) = head.header("host")
            && !self.is_our_host(host)
        {
            self.warn(host);
            return Err((Cause::WrongHost, HttpError::wrong_host()));
        }
        let is_page = head.header("origin").is_some() || head.header("sec-fetch-site").is_some();
        if is_page && !self.may(head) {
            return Err((Cause::ForeignOrigin, HttpError::foreign_origin()));
        }
        if is_page && head.has_body() && kind(head) == Kind::Changing && !is_of(head, body_type) {
            return Err((
                Cause::UnsupportedMediaType,
                HttpError::unsupported_media_type(body_type),
            ));
        }
        Ok(())
    }

    /// Whether the page that sends this request has an origin that may send it.
    fn may(&self, head: &Head) -> bool {
        let kind = kind(head);
        if kind == Kind::Reading || self.allowed(head).is_some() {
            return true;
        }
        let is_own_site = is_own_site(head.header("sec-fetch-site"));
        let Some(origin) = head.header("origin") else { return is_own_site };
        let Some(origin) = Origin::parse(origin) else { return false };
        let host = head.header("host").and_then(Host::parse);
        match kind {
            Kind::Upgrade => self.may_connect(&origin, host.as_ref()),
            Kind::Changing => is_own_site && self.is_own(&origin, host.as_ref()),
            Kind::Preflight | Kind::Reading => false,
        }
    }

    /// Whether a cookie of this request may be used: it comes from a page of our own origin, or from no page.
    pub(crate) fn may_use_cookie(&self, head: &Head) -> bool {
        let host = head.header("host").and_then(Host::parse);
        let is_own = |origin| {
            Origin::parse(origin).is_some_and(|origin| self.is_own(&origin, host.as_ref()))
        };
        is_own_site(head.header("sec-fetch-site")) && head.header("origin").is_none_or(is_own)
    }

    /// Whether the request is for the host of a public URL that is https.
    pub(crate) fn is_public_https(&self, head: &Head) -> bool {
        let host = head.header("host").and_then(Host::parse);
        let public = self.rules.public_url.as_ref().filter(|url| url.is_https());
        public.is_some_and(|url| host.is_some_and(|host| url.is_at(&host)))
    }

    /// Whether this is a CORS preflight request of an allowed origin. [`Web::cors`] has the headers of the response.
    pub(crate) fn is_preflight(&self, head: &Head) -> bool {
        kind(head) == Kind::Preflight && self.allowed(head).is_some()
    }

    /// The CORS headers of the response. The response to an upgrade needs none, since browsers do not show it to pages.
    pub(crate) fn cors(&self, head: &Head) -> Headers {
        if self.rules.allowed_origins.is_empty() || head.is_upgrade() {
            return Headers::new();
        }
        // Every response has it. Otherwise a cache could use the response to one site for another.
        let mut lines = vec![("Vary", "Origin".to_owned())];
        if let Some(origin) = self.allowed(head) {
            lines.push(("Access-Control-Allow-Origin", origin.to_string()));
            if kind(head) == Kind::Preflight {
                let kept = PREFLIGHT_KEPT.as_secs().to_string();
                lines.push((
                    "Access-Control-Allow-Methods",
                    "GET, HEAD, POST, PATCH, DELETE".to_owned(),
                ));
                lines.push(("Access-Control-Allow-Headers", ALLOWED_HEADERS.to_owned()));
                lines.push(("Access-Control-Max-Age", kept));
            } else {
                lines.push(("Access-Control-Expose-Headers", EXPOSED_HEADERS.to_owned()));
            }
        }
        lines
    }

    fn is_our_host(&self, text: &str) -> bool {
        let is_ours = |host: Host| {
            let public = self.rules.public_url.as_ref().map(|url| url.host().name());
            host.is_literal()
                || public == Some(host.name())
                || self.rules.allowed_hosts.iter().any(|name| name == host.name())
        };
        self.is_any_host || Host::parse(text).is_some_and(is_ours)
    }

    /// The request's origin, if it is one of the allowed.
    fn allowed(&self, head: &Head) -> Option<&Origin> {
        let origin = Origin::parse(head.header("origin")?)?;
        self.rules.allowed_origins.iter().find(|allowed| **allowed == origin)
    }

    /// Whether a page of this origin is our own, served under the same scheme, host and port.
    fn is_own(&self, origin: &Origin, host: Option<&Host>) -> bool {
        let public = self.rules.public_url.as_ref();
        let is_public = |host: &&Host| public.is_some_and(|url| url.is_at(host));
        match host {
            _ if public == Some(origin) => true,
            Some(host) if !is_public(&host) => origin.is_at(host),
            _ => false,
        }
    }

    /// Whether a page of this origin, which is none of the allowed, may open a WebSocket.
    fn may_connect(&self, origin: &Origin, host: Option<&Host>) -> bool {
        self.rules.public_url.as_ref() == Some(origin)
            || host.is_some_and(|host| origin.is_at_any_port_of(host))
    }

    /// Warns the operator, who may have forgotten to set a name.
    fn warn(&self, host: &str) {
        let host: String = host.chars().take(HOST_CHARS_LOGGED).collect();
        if self.warned.is_due(&host, Instant::now()) {
            tracing::warn!(
                ?host,
                "a request for another host was refused; if this server is reached by that name, \
                 add it with --allow-host or set --public-url"
            );
        }
    }
}

/// The kinds of request that the rules distinguish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It changes nothing.
    Reading,
    /// A browser asks whether a page may send a request (CORS preflight).
    Preflight,
    /// It asks for a WebSocket.
    Upgrade,
    /// It may change something.
    Changing,
}

fn kind(head: &Head) -> Kind {
    match head.method.as_str() {
        "GET" if head.is_upgrade() => Kind::Upgrade,
        "GET" | "HEAD" => Kind::Reading,
        "OPTIONS" if head.header("access-control-request-method").is_some() => Kind::Preflight,
        "OPTIONS" => Kind::Reading,
        _ => Kind::Changing,
    }
}

/// Whether the browser says that the request comes from our own page, or from no page at all; old ones do not say.
fn is_own_site(site: Option<&str>) -> bool {
    matches!(site, None | Some("same-origin" | "none"))
}

fn is_of(head: &Head, body_type: &str) -> bool {
    let essence = head.header("content-type").and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(body_type))
}

#[cfg(test)]
#[path = "web/tests.rs"]
mod tests;
