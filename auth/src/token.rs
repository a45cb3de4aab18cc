//! New tokens: 256 random bits as text. Only their hash is ever stored.

use wire::Token;
use wire::limit::TOKEN_BITS;

/// The alphabet of base64url (RFC 4648, section 5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A token that nobody has.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn mint() -> std::io::Result<Token> {
    let mut bytes = [0; TOKEN_BITS / 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Token::parse(&base64url(&bytes)).ok_or_else(|| std::io::Error::other("a token is too long"))
}

/// Bytes as text, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    let encode = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        let digit = move |at: usize| ALPHABET[(bits >> (18 - 6 * at)) as usize & 63] as char;
        (0..=chunk.len()).map(digit)
    };
    bytes.chunks(3).flat_map(encode).collect()
}

/// The bytes of a text that [`base64url`] has made; nothing if it has not.
pub(crate) fn unbase64url(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| ALPHABET.iter().position(|digit| *digit == byte));
    let digits: Vec<usize> = digits.collect::<Option<_>>()?;
    let decode = |chunk: &[usize]| {
        let bits = chunk.iter().fold(0, |bits, digit| bits << 6 | digit);
        let bits = bits << (6 * (4 - chunk.len()));
        (1..chunk.len()).map(move |at| (bits >> (24 - 8 * at)) as u8)
    };
    let bytes: Vec<u8> = digits.chunks(4).flat_map(decode).collect();
    // Each text has one meaning, and each meaning one text.
    (base64url(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_rfc_4648s() {
        let examples = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")];
        for (text, encoded) in examples {
            assert_eq!(base64url(text.as_bytes()), encoded);
            assert_eq!(unbase64url(encoded).unwrap(), text.as_bytes());
        }
        for text in ["Z", "Zh", "Zg==", "Zm9v Zg", "+/==", "é"] {
            assert_eq!(unbase64url(text), None, "{text}");
        }
        assert_eq!(unbase64url("-__-").unwrap(), [0xfb, 0xff, 0xfe]);
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    #[test]
    fn tokens_have_43_characters_and_differ() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.expose(), other.expose());
    }
}
