//! Email addresses: which are valid, and which are equal.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::freeform::fault;
use crate::limit::{EMAIL_BYTES_MAX, EMAIL_BYTES_MIN};

/// An email address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The stored and displayed form: trimmed and in lower case.
    pub text: String,
    /// The form by which emails are compared: two emails with the same key are equal. `None`: the email is not valid any more. No
    /// new account may have it, but an older account may.
    pub key: Option<String>,
}

impl Email {
    /// An email that any account may have, including accounts that older versions have created.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn claimed(text: &str) -> Result<Self, &'static str> {
        let text = shown(text)?;
        let key = key(&text).ok();
        Ok(Self { text, key })
    }

    /// The text by which emails are compared: the key; the email itself if it has no key.
    pub fn identity(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.text)
    }

    /// The [`identity`](Self::identity) of an email that is stored; a text that is no email is its own.
    pub fn identity_of(text: &str) -> String {
        Self::claimed(text).map_or_else(|_| text.to_owned(), |email| email.identity().to_owned())
    }

    /// An email that a new account may have.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn chosen(text: &str) -> Result<Self, &'static str> {
        let text = shown(text)?;
        let key = Some(key(&text)?);
        Ok(Self { text, key })
    }
}

/// The rules and the stored form of the first releases.
fn shown(text: &str) -> Result<String, &'static str> {
    let email = text.trim().to_lowercase();
    if !(EMAIL_BYTES_MIN..=EMAIL_BYTES_MAX).contains(&email.len()) {
        return Err("`email` must have 3 to 254 bytes");
    }
    if email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("`email` must not contain spaces or control characters");
    }
    match email.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() && !host.contains('@') => {
            Ok(email)
        }
        _ => Err("`email` must have one @ with something on both sides"),
    }
}

/// The form by which emails are compared: the local part by NFC and full case folding, and the domain's ASCII form (UTS 46). A mail
/// server may in theory distinguish letter cases of the local part. None does, and accounts whose emails look equal help nobody.
fn key(email: &str) -> Result<String, &'static str> {
    let (user, host) = email.split_once('@').ok_or("`email` must have one @")?;
    let user = folded(user);
    let chars: Vec<char> = user.chars().collect();
    // What RFC 5322 allows outside quotes, and dots anywhere: some providers have given out such.
    let is_special = |c: &char| {
        c.is_ascii() && !c.is_ascii_alphanumeric() && !".!#$%&'*+-/=?^_`{|}~".contains(*c)
    };
    if chars.iter().any(is_special) {
        return Err(
            "`email` must not contain quotes, brackets, commas, colons, semicolons or backslashes before the @",
        );
    }
    if (0..chars.len()).any(|at| fault(&chars, at).is_some()) {
        return Err(
            "`email` must not contain characters that cannot be seen or stand in no text before the @",
        );
    }
    let host = Uts46::new().to_ascii(
        host.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let host = host.map_err(|_| "`email` must have a valid domain after the @")?;
    Ok(format!("{user}@{host}"))
}

/// A form that is equal for texts that differ only in letter case or in the encoding of accents (Unicode's canonical caseless match).
fn folded(text: &str) -> String {
    let text = DecomposingNormalizer::new_nfd().normalize(text);
    let text = CaseMapper::new().fold_string(&text).into_owned();
    ComposingNormalizer::new_nfc().normalize(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        Email::chosen(text).expect(text).key.unwrap()
    }

    #[test]
    fn an_email_is_shown_in_lower_case() {
        for text in ["alice@example.com", " ALICE@Example.COM\n", "Alice@example.com"] {
            assert_eq!(Email::chosen(text).unwrap().text, "alice@example.com");
        }
        assert_eq!(Email::chosen("ÄRGER@EXÄMPLE.DE").unwrap().text, "ärger@exämple.de");
    }

    #[test]
    fn emails_that_read_alike_are_one() {
        for (same, expected) in [
            (
                &["straße@x.de", "STRASSE@x.de", "Strasse@X.DE", "STRAẞE@x.de"] as &[_],
                "strasse@x.de",
            ),
            (&["οδος@x.gr", "ΟΔΟΣ@x.gr", "οδοσ@x.gr"], "οδοσ@x.gr"),
            (&["jos\u{e9}@x", "jose\u{301}@X", "JOSE\u{301}@x"], "jos\u{e9}@x"),
            (
                &["a@bücher.de", "a@BÜCHER.de", "a@xn--bcher-kva.de", "A@bu\u{308}cher.de"],
                "a@xn--bcher-kva.de",
            ),
            (&["a@faß.de", "a@xn--fa-hia.de"], "a@xn--fa-hia.de"),
            (&["a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"], "a@xn--r8jz45g.xn--zckzah"),
            (&["a@ex\u{ad}ample.com", "a@exam\u{200b}ple.com"], "a@example.com"),
        ] {
            for text in same {
                assert_eq!(key(text), expected, "{text}");
            }
            // The same person must find the account by what it shows.
            let shown = Email::chosen(same[0]).unwrap().text;
            assert_eq!((key(&shown), key(expected)), (expected.to_owned(), expected.to_owned()));
        }
        assert_ne!(key("a.b@x"), key("ab@x"));
        for text in ["İ@X.Y", "ẞ@x", "Ǆ@x", "ᾼ\u{301}@x", "ŉ@x"] {
            assert_eq!(key(&key(text)), key(text), "{text}");
        }
    }

    #[test]
    fn a_new_email_can_be_written_to() {
        for text in [
            "a@b",
            "a@localhost",
            "user+tag@ex.com",
            "o'brien@ex.com",
            "a..b@ex.com",
            "x_y{z}@ex.com",
            "δοκιμή@παράδειγμα.δοκιμή",
            "我@例え.jp",
            "a@1.ex",
            "a@a-b.ex",
        ] {
            assert!(Email::chosen(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@a",
            "a@b@c",
            "a b@c",
            "a\u{a0}b@c",
            "a\0@b",
            "a\nb@c",
            "name<a@ex.com>",
            "<a@ex.com>",
            "name<a@ex.com",
            "\"a b\"@ex.com",
            "\"a\"@ex.com",
            "a,b@ex.com",
            "a;b@ex.com",
            "a:b@ex.com",
            "(c)a@ex.com",
            "a\\@ex.com",
            "[a]@ex.com",
            "a@.",
            "a@..",
            "a@ex.",
            "a@.ex",
            "a@ex..com",
            "a@-ex.com",
            "a@ex-.com",
            "a@ex_a.com",
            "a@ex/com",
            "a@[1.2.3.4]",
            "a@ex<>.com",
            "al\u{200b}ice@ex.com",
            "al\u{200d}ice@ex.com",
            "a\u{ad}@ex.com",
            "\u{feff}a@ex.com",
            "a\u{202e}@ex.com",
            "\u{3164}@ex.com",
            "a@xn--a.com",
            "a@\u{200b}",
            "a@\u{202e}ex.com",
        ] {
            assert!(Email::chosen(text).is_err(), "{text:?}");
        }
        assert!(Email::chosen(&format!("a@{}.com", "x".repeat(63))).is_ok());
        assert!(Email::chosen(&format!("a@{}.com", "x".repeat(64))).is_err());
        let longest = format!("{}@b", "a".repeat(252));
        assert_eq!(Email::chosen(&longest).unwrap().text, longest);
        assert!(Email::claimed(&format!("a{longest}")).is_err());
    }

    #[test]
    fn an_old_email_is_known_as_it_was() {
        for text in ["name<a@ex.com>", "a@.", "al\u{200b}ice@ex.com"] {
            assert_eq!(Email::claimed(text), Ok(Email { text: text.to_owned(), key: None }));
        }
        let claimed = Email::claimed("Straße@x").unwrap();
        assert_eq!((&*claimed.text, claimed.key.as_deref()), ("straße@x", Some("strasse@x")));
        for text in ["", "a", "@", "a@", "@a", "a@b@c", "a b@c", "a\0@b"] {
            assert!(Email::claimed(text).is_err(), "{text:?}");
        }
    }
}
