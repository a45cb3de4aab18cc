//! Tokens: the secrets with which a device authenticates.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::limit::TOKEN_TEXT_BYTES_MAX;

/// The beginning of every ticket. The token of a session has no dot.
pub const TICKET_PREFIX: &str = "ticket.";

/// A clear token. It has neither `Debug` nor `Serialize`, so that it cannot end in a log.
pub struct Token(String);

impl Token {
    /// Checks the form of a token; `None` if no token can look like this.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= TOKEN_TEXT_BYTES_MAX;
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// Whether this is a ticket, which is valid once, and not the token of a session. Tickets begin with [`TICKET_PREFIX`].
    pub fn is_ticket(&self) -> bool {
        self.0.starts_with(TICKET_PREFIX)
    }

    /// Takes the token out of an `Authorization` header (RFC 6750, section 2.1).
    pub fn from_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Self::parse(token.trim()))?
    }

    /// The hash that the database stores. A secret of 256 random bits cannot be guessed, so a fast hash suffices.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The hash of this token together with a text, such as the email that it is good for.
    pub fn hash_with(&self, text: &str) -> TokenHash {
        let hash = Sha256::new().chain_update(&self.0).chain_update([0]).chain_update(text);
        TokenHash(hash.finalize().into())
    }

    /// The clear text, which the client gets once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2])
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_header_gives_its_bearer_token() {
        assert_eq!(Token::from_header("bearer  abc").unwrap().expose(), "abc");
        for wrong in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer \u{e9}"] {
            assert!(Token::from_header(wrong).is_none(), "{wrong:?}");
        }
        assert!(Token::parse(&"x".repeat(129)).is_none());
    }
}
