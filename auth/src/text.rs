//! What people call themselves: emails, names, devices. Checked once, here; elsewhere they are plain strings.

use crate::limit::{DEVICE_CHARS_MAX, EMAIL_BYTES_MAX, EMAIL_BYTES_MIN, NAME_CHARS_MAX};

/// An email in the one form in which it is kept, compared and shown: trimmed and in lower case, the part before the `@`
/// too. Strictly that part is its host's to tell apart; nobody does, and two accounts that look the same help nobody.
///
/// # Errors
/// A sentence about what is wrong.
pub fn email(text: &str) -> Result<String, &'static str> {
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

/// A name as it is kept and shown: trimmed.
///
/// # Errors
/// A sentence about what is wrong.
pub fn name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err("`name` must have 1 to 100 characters");
    }
    if name.contains(char::is_control) {
        return Err("`name` must not contain control characters");
    }
    Ok(name.to_owned())
}

/// What a device calls itself, as it is kept and shown: trimmed, perhaps empty.
///
/// # Errors
/// A sentence about what is wrong.
pub fn device(text: &str) -> Result<String, &'static str> {
    let device = text.trim();
    if device.chars().count() > DEVICE_CHARS_MAX {
        return Err("`device` must have at most 100 characters");
    }
    if device.contains(char::is_control) {
        return Err("`device` must not contain control characters");
    }
    Ok(device.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_the_same_in_any_letter_case() {
        for text in ["alice@example.com", " ALICE@Example.COM\n", "Alice@example.com"] {
            assert_eq!(email(text).unwrap(), "alice@example.com");
        }
        assert_eq!(email("ÄRGER@EXÄMPLE.DE").unwrap(), "ärger@exämple.de");
        // Folding a folded one changes nothing, or the same person could not log in.
        for text in ["İ@X.Y", "ΑΣ@ΟΔΟΣ.GR", "ẞ@x", "Ǆ@x"] {
            let folded = email(text).unwrap();
            assert_eq!(email(&folded).unwrap(), folded);
        }
    }

    #[test]
    fn an_email_has_one_at_and_something_on_both_sides() {
        for text in ["", "a", "@", "a@", "@a", "a@b@c", "a b@c", "a\u{a0}b@c", "a\0@b", "a\nb@c"] {
            assert!(email(text).is_err(), "{text:?}");
        }
        assert_eq!(email("a@b").unwrap(), "a@b");
        let longest = format!("{}@b", "a".repeat(252));
        assert_eq!(email(&longest).unwrap(), longest);
        assert!(email(&format!("a{longest}")).is_err());
    }

    #[test]
    fn a_name_can_be_read() {
        assert_eq!(name("  Alice 👋 ").unwrap(), "Alice 👋");
        assert_eq!(name(&"é".repeat(100)).unwrap().chars().count(), 100);
        for text in ["", "  ", "a\0b", "a\nb", "\u{85}x\u{85}y", &"é".repeat(101)] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert_eq!(device(" ").unwrap(), "");
        assert!(device(&"x".repeat(100)).is_ok() && device(&"x".repeat(101)).is_err());
        assert!(device("a\u{1b}b").is_err());
    }
}
