//! Endpoints of push services: URLs that strangers name.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

use crate::address::is_public;
use crate::limit::ENDPOINT_BYTES_MAX;

/// Why an endpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No URL, or one with a name and password.
    #[error(
        "the endpoint must be an https URL of at most {ENDPOINT_BYTES_MAX} bytes, without a user name"
    )]
    Malformed,
    /// Its address is on a private network, or the URL is not https.
    #[error(
        "the endpoint must be https and on the public internet; the operator can allow others with --push-allow"
    )]
    NotPublic,
}

/// An origin that the operator has allowed, such as `https://push.example` or `http://127.0.0.1:8090`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        let url = url.ok_or("the origin of a push service looks like https://push.example:8443")?;
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The endpoint of a subscription. It is as secret as a password: who knows it can bother the browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) url: Url,
    /// The operator has allowed its origin, wherever it is.
    pub(crate) is_allowed: bool,
}

impl Endpoint {
    /// Checks a URL: https and not an address of a private network, or of an allowed origin. Whether its name leads to a private
    /// network is looked up when a push is delivered, each time.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn parse(text: &str, allowed: &[AllowedOrigin]) -> Result<Self, EndpointError> {
        if text.len() > ENDPOINT_BYTES_MAX {
            return Err(EndpointError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Malformed)?;
        // The parser knows all notations of an address: hexadecimal, octal, one number.
        let host = url.host_str().ok_or(EndpointError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Malformed);
        }
        let origin = url.origin().ascii_serialization();
        if allowed.iter().any(|allowed| allowed.0 == origin) {
            return Ok(Self { url, is_allowed: true });
        }
        let is_local_name = {
            let name = host.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || !name.contains(['.', ':'])
        };
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_refused = address.map_or(is_local_name, |address| !is_public(address));
        if url.scheme() != "https" || is_refused {
            return Err(EndpointError::NotPublic);
        }
        Ok(Self { url, is_allowed: false })
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The name or address of its host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its origin, for which a signature is good.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// Shows no path: that is the secret part.
impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({})", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, allowed: &[&str]) -> Result<Endpoint, EndpointError> {
        let allowed: Vec<_> = allowed.iter().map(|origin| origin.parse().unwrap()).collect();
        Endpoint::parse(text, &allowed)
    }

    #[test]
    fn an_endpoint_is_https_and_on_the_public_internet() {
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com/wpush/v2/abc",
            "https://push.example:8443/x?y=z",
            "https://8.8.8.8/x",
            "https://[2606:4700::1111]/x",
        ] {
            let endpoint = parse(good, &[]).unwrap();
            assert_eq!((endpoint.as_str(), endpoint.is_allowed), (good, false));
        }
        for refused in [
            "http://push.example/x",
            "ftp://push.example/x",
            "https://127.0.0.1/x",
            "https://127.1/x",
            "https://0x7f.0.0.1/x",
            "https://0177.0.0.1/x",
            "https://2130706433/x",
            "https://127.0.0.1./x",
            "https://10.1.2.3:8443/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[::ffff:a00:1]/x",
            "https://[fd00::1]/x",
            "https://[fe80::1]/x",
            "https://localhost/x",
            "https://LOCALHOST./x",
            "https://push.localhost/x",
            "https://intranet/x",
            "https://１２７.0.0.1/x",
        ] {
            assert_eq!(parse(refused, &[]), Err(EndpointError::NotPublic), "{refused}");
        }
        for wrong in [
            "",
            "push.example",
            "https://",
            "https://user@push.example/",
            "https://:p@push.example/",
            "https://push.example/#x",
            "mailto:a@b.example",
            "https://[::1%25eth0]/",
        ] {
            assert_eq!(parse(wrong, &[]), Err(EndpointError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn the_length_of_an_endpoint_is_bounded() {
        let of = |bytes: usize| format!("https://push.example/{}", "x".repeat(bytes - 21));
        assert!(parse(&of(ENDPOINT_BYTES_MAX), &[]).is_ok());
        assert_eq!(parse(&of(ENDPOINT_BYTES_MAX + 1), &[]), Err(EndpointError::Malformed));
    }

    #[test]
    fn what_the_operator_allows_may_be_anywhere() {
        let allowed = ["http://127.0.0.1:8090", "https://push.internal"];
        for good in
            ["http://127.0.0.1:8090/a", "https://push.internal/b", "https://push.internal:443/"]
        {
            assert!(parse(good, &allowed).unwrap().is_allowed, "{good}");
        }
        for other in
            ["http://127.0.0.1:8091/a", "https://127.0.0.1:8090/a", "http://push.internal/b"]
        {
            assert_eq!(parse(other, &allowed), Err(EndpointError::NotPublic), "{other}");
        }
        for wrong in
            ["push.example", "https://push.example/path", "https://a@push.example", "ftp://a"]
        {
            assert!(wrong.parse::<AllowedOrigin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_secret_part_of_an_endpoint_is_not_shown() {
        let endpoint = parse("https://push.example/s3cret?s3cret", &[]).unwrap();
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://push.example)");
    }
}
