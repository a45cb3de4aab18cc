//! Links with codes: where people open them, and what is printed of them.

use anyhow::{Context as _, Result};
use data_encoding::BASE64URL_NOPAD;
use http::origin::Origin;
use net::Endpoint;
use wire::Token;

use crate::Settings;
use crate::limit::CODE_BYTES;

/// A code that nobody has: 22 characters of base64url.
pub(crate) fn mint() -> Result<Token> {
    let mut bytes = [0; CODE_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other).context("no random numbers")?;
    Token::parse(&BASE64URL_NOPAD.encode(&bytes)).context("a code is too long")
}

/// The address that people open, without a slash at its end. Without `--public-url` it is where the server listens, and
/// standard error says so.
pub(crate) fn base(settings: &Settings<'_>) -> String {
    let public_url = settings.http.public_url.as_ref();
    let endpoints = settings.auth_listen.iter().filter_map(|one| one.endpoints().ok());
    let base = link_base(public_url, &endpoints.flatten().collect::<Vec<_>>());
    if public_url.is_none() {
        telemetry::log::print_error(&format!(
            "the link begins with {base}, where this machine reaches the server: name the address that people open with --public-url"
        ));
    }
    base
}

/// What links begin with: the address that people open, else one of those at which the server listens.
pub fn link_base(public_url: Option<&Origin>, endpoints: &[Endpoint]) -> String {
    if let Some(url) = public_url {
        return url.to_string();
    }
    let is_known = |it: &&Endpoint| it.tcp().is_some_and(|address| address.port() != 0);
    let found = endpoints.iter().find(is_known).and_then(Endpoint::to_open);
    format!("http://{}", found.as_deref().unwrap_or("localhost"))
}

/// Prints a link and its code: two lines, or one JSON document.
pub(crate) fn print(link: &str, code: &Token, expires_at: i64, is_json: bool) {
    let code = code.expose();
    telemetry::log::print_line(&match is_json {
        true => {
            serde_json::json!({"link": link, "code": code, "expires_at": expires_at}).to_string()
        }
        false => format!("{link}\n{code}"),
    });
}
