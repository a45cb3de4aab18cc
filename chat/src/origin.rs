//! Which web pages may open a connection (RFC 6455, section 10.2; OWASP: cross-site WebSocket hijacking).

/// The origins that are welcome besides the server's own host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    pub(crate) fn new(allowed: &[String]) -> Self {
        Self(
            allowed
                .iter()
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
        )
    }

    /// Whether a page from `origin` may connect to `host`. What is no page sends no origin, and may.
    ///
    /// The port is left aside: the page may come from the same machine's other server.
    pub(crate) fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.to_ascii_lowercase();
        if self.0.contains(&origin) {
            return true;
        }
        let from = origin.split_once("://").map(|(_, authority)| authority);
        // An origin has a host and perhaps a port; whatever else is in it was put there to be misread.
        let from = from.filter(|authority| authority.chars().all(is_host_char)).map(name);
        let here = host.map(|host| name(host).to_ascii_lowercase());
        from.is_some() && from == here.as_deref()
    }
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_:[]".contains(c)
}

/// The host's name without its port; an IPv6 address keeps its brackets.
fn name(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => &authority[..end + 2],
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn the_same_host_and_the_allowed_pass_and_no_other() {
        let origins = Origins::new(&["https://App.example/".to_owned()]);
        let host = Some("chat.example:8080");
        for (origin, allowed) in [
            (None, true),
            (Some("http://chat.example:3000"), true),
            (Some("https://CHAT.example"), true),
            (Some("https://app.example"), true),
            (Some("https://app.example:444"), false),
            (Some("https://chat.example.evil.example"), false),
            (Some("https://evil.example/chat.example"), false),
            (Some("https://chat.example@evil.example"), false),
            (Some("https://chat.example:80@evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            assert_eq!(origins.allow(origin, host), allowed, "{origin:?}");
        }
        assert!(!origins.allow(Some("http://chat.example"), None));
        assert!(origins.allow(Some("http://[::1]:3000"), Some("[::1]:8080")));
    }
}
