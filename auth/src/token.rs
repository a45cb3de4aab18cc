//! Creates tokens: 256 random bits as text. Only their hash is stored.

use crate::limit::CODE_BYTES;
use data_encoding::BASE64URL_NOPAD;
use wire::limit::TOKEN_BITS;
use wire::{TICKET_PREFIX, Token};

/// A new random token.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn mint() -> std::io::Result<Token> {
    let mut bytes = [0; TOKEN_BITS / 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Token::parse(&BASE64URL_NOPAD.encode(&bytes))
        .ok_or_else(|| std::io::Error::other("a token is too long"))
}

/// A new random ticket.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn mint_ticket() -> std::io::Result<Token> {
    Token::parse(&format!("{TICKET_PREFIX}{}", mint()?.expose()))
        .ok_or_else(|| std::io::Error::other("a ticket is too long"))
}

/// A code of a link that nobody has: 22 characters.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn mint_code() -> std::io::Result<Token> {
    let mut bytes = [0; CODE_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Token::parse(&BASE64URL_NOPAD.encode(&bytes))
        .ok_or_else(|| std::io::Error::other("a code is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_43_characters_and_differ() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.expose(), other.expose());
        assert_eq!(mint_code().unwrap().expose().len(), 22);
        assert!(mint_ticket().unwrap().is_ticket() && !one.is_ticket());
    }
}
