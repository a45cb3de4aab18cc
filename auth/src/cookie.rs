//! The cookie with the session's token of a web page, which the page's scripts cannot read.

use std::net::Ipv4Addr;

use http::Head;
use net::host::Host;
use wire::Token;

use crate::limit::SESSION_MS;

/// The attributes of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieKind {
    /// For https and for this machine: the browser sends the cookie over these only, and no other host of the site can
    /// set it.
    Secure,
    /// For plain http to another machine, where browsers drop the secure kind.
    Plain,
}

impl CookieKind {
    /// The kind for the browser that sends this request.
    pub(crate) fn of(head: &Head, is_https: bool) -> Self {
        let host = head.header("host").and_then(Host::parse);
        let is_loopback = host.is_some_and(|host| is_loopback(host.name()));
        if is_https || is_loopback { Self::Secure } else { Self::Plain }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-messenger",
            Self::Plain => "messenger",
        }
    }

    /// The token in the request's cookie, if it has one.
    pub(crate) fn token(self, head: &Head) -> Option<Token> {
        let mut pairs = head.values("cookie").flat_map(|line| line.split(';'));
        pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name()).then(|| Token::parse(value))?
        })
    }

    /// The value of `Set-Cookie` that stores the token, for as long as an unused session lives.
    pub(crate) fn kept(self, token: &Token) -> String {
        self.line(token.expose(), SESSION_MS / 1000)
    }

    /// The value of `Set-Cookie` that removes the cookie.
    pub(crate) fn removed(self) -> String {
        self.line("", 0)
    }

    fn line(self, value: &str, seconds: i64) -> String {
        let (name, secure) = (self.name(), if self == Self::Secure { "; Secure" } else { "" });
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name == "[::1]"
        || name == "::1"
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> Head {
        Head::parse(format!("GET /me HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn a_cookie_is_secure_on_https_and_on_this_machine() {
        let kind =
            |host: &str, is_https| CookieKind::of(&head(&format!("Host: {host}\r\n")), is_https);
        for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert_eq!(kind(host, false), CookieKind::Secure, "{host}");
        }
        assert_eq!(kind("chat.example", true), CookieKind::Secure);
        for host in ["nas:3000", "192.168.1.5:3000", "chat.example", "localhost.evil.example"] {
            assert_eq!(kind(host, false), CookieKind::Plain, "{host}");
        }
        let token = Token::parse("abc").unwrap();
        assert_eq!(
            CookieKind::Secure.kept(&token),
            "__Host-messenger=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            CookieKind::Plain.removed(),
            "messenger=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn only_the_cookie_of_the_right_name_is_read() {
        let cookies = head("Host: a\r\nCookie: a=b; __Host-messenger=one; messenger=two\r\n");
        let token = |kind: CookieKind| kind.token(&cookies).map(|token| token.expose().to_owned());
        assert_eq!(token(CookieKind::Secure).as_deref(), Some("one"));
        assert_eq!(token(CookieKind::Plain).as_deref(), Some("two"));
        for none in ["", "Cookie: \r\n", "Cookie: messenger\r\n", "Cookie: messenger=\r\n"] {
            assert!(CookieKind::Plain.token(&head(&format!("Host: a\r\n{none}"))).is_none());
        }
    }
}
