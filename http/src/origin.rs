//! An origin: scheme, host and port of a web page, as a browser sends it (RFC 6454; HTML, "serialization of an origin").

use std::fmt;

use net::host::Host;

/// The end of the error for an invalid origin.
const EXAMPLE: &str = "an origin looks like https://app.example or http://localhost:5173";

/// Scheme, host and port; the scheme's own port is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: Host,
}

impl Origin {
    /// Parses an `Origin` header: `scheme://host` or `scheme://host:port`. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let mut bytes = scheme.bytes();
        let is_scheme = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let host = Host::parse(host)?.without_port(default_port(&scheme));
        is_scheme.then_some(Self { scheme, host })
    }

    /// Parses the setting of an allowed origin. It must have the form that browsers send, so that the configuration shows exactly
    /// what is compared.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn from_setting(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Err(format!("every origin cannot be allowed; name each: {EXAMPLE}")),
            "null" => {
                return Err(
                    "any page can make itself the origin null; serve yours from an address"
                        .to_owned(),
                );
            }
            _ => {}
        }
        if let Some((scheme @ ("ws" | "wss" | "ftp"), _)) = text.split_once("://") {
            return Err(format!("no page has an origin with {scheme}:; {EXAMPLE}"));
        }
        match Self::parse(text).or_else(|| Self::of_url(text)) {
            Some(origin) if origin.to_string() == text => Ok(origin),
            Some(origin) => Err(format!("browsers send this origin as {origin}; write that")),
            None => Err(EXAMPLE.to_owned()),
        }
    }

    /// Parses the setting of the URL that users open. A slash at its end is dropped.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn from_public_url(text: &str) -> Result<Self, String> {
        let origin = Self::from_setting(text.strip_suffix('/').unwrap_or(text))?;
        match origin.scheme.as_str() {
            "http" | "https" => Ok(origin),
            _ => Err("a public address begins with https:// or http://".to_owned()),
        }
    }

    /// The origin of a URL, which may have more parts.
    fn of_url(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        Self::parse(&format!("{scheme}://{host}"))
    }

    /// The host, without the port if it is the default of the scheme.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether its scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the origin is `host` under `http` or `https`. TLS may end at a proxy, so the scheme is not compared.
    pub fn is_at(&self, host: &Host) -> bool {
        let port = default_port(&self.scheme);
        port.is_some() && self.host == host.clone().without_port(port)
    }

    /// Whether the origin has the name of `host`, with any port, under `http` or `https`.
    pub fn is_at_any_port_of(&self, host: &Host) -> bool {
        default_port(&self.scheme).is_some() && self.host.name() == host.name()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.host)
    }
}

/// The port that a URL of this scheme leaves out.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_written_as_browsers_send_it() {
        for text in [
            "https://app.example",
            "http://localhost:5173",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "https://xn--bcher-kva.example",
            "https://app.example:8443",
            "capacitor://localhost",
        ] {
            assert_eq!(Origin::from_setting(text).unwrap().to_string(), text);
        }
        for (text, write) in [
            ("https://app.example/", "https://app.example"),
            ("https://app.example/page", "https://app.example"),
            ("https://app.example?a=b", "https://app.example"),
            ("https://app.example#a", "https://app.example"),
            ("https://me:secret@app.example", "https://app.example"),
            ("HTTPS://app.example", "https://app.example"),
            ("https://App.Example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("*", "name each"),
            ("null", "null"),
            ("wss://app.example", "https://app.example"),
            ("http://[0:0::1]:8000", "http://[::1]:8000"),
            ("app.example", "https://app.example"),
            ("https://*.app.example", "https://app.example"),
            ("https://", "https://app.example"),
            ("https://bücher.example", "https://app.example"),
            ("https://app.example:0", "https://app.example"),
            ("", "https://app.example"),
        ] {
            let refusal = Origin::from_setting(text).unwrap_err();
            assert!(refusal.contains(write), "{text}: {refusal}");
        }
        assert!(
            !Origin::from_setting("https://me:secret@app.example").unwrap_err().contains("secret")
        );
    }

    #[test]
    fn a_public_address_is_an_origin_with_http() {
        for text in ["https://chat.example", "https://chat.example/"] {
            assert_eq!(Origin::from_public_url(text).unwrap().to_string(), "https://chat.example");
        }
        for text in [
            "https://chat.example/app",
            "chat.example",
            "ftp://chat.example",
            "https://chat.example//",
        ] {
            assert!(Origin::from_public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_own_address_is_the_same_with_and_without_the_schemes_port() {
        let is_at = |origin: &str, host: &str| {
            Origin::parse(origin).unwrap().is_at(&Host::parse(host).unwrap())
        };
        for (origin, host) in [
            ("http://chat.example", "chat.example"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "CHAT.example:443"),
            ("http://chat.example:3000", "chat.example:3000"),
        ] {
            assert!(is_at(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://chat.example:3000", "chat.example"),
            ("http://chat.example", "chat.example:3000"),
            ("http://chat.example", "chat.example:443"),
            ("http://evil.example", "chat.example"),
            ("capacitor://chat.example", "chat.example"),
        ] {
            assert!(!is_at(origin, host), "{origin} {host}");
        }
    }
}
