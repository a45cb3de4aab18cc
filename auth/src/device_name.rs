//! Names of devices. They are checked here only; elsewhere a name is a plain string.
//!
//! Clients make them of what a system and a browser say of themselves. So they may have signs that names of people may
//! not, but nothing that is invisible or turns the reading direction, like names of files.

use crate::limit::DEVICE_CHARS_MAX;

/// The stored and displayed form of a device's name: trimmed, possibly empty.
///
/// # Errors
/// A sentence about what is wrong.
pub fn clean(text: &str) -> Result<String, &'static str> {
    let device = text.trim();
    if device.chars().count() > DEVICE_CHARS_MAX {
        return Err("`device` must have at most 100 characters");
    }
    if device.contains(wire::is_hidden) {
        return Err(
            "`device` must not contain control characters, nor characters that cannot be seen or that turn the \
                    reading direction",
        );
    }
    Ok(device.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_bound_and_can_be_read() {
        assert_eq!(clean(" ").unwrap(), "");
        assert!(clean(&"x".repeat(100)).is_ok() && clean(&"x".repeat(101)).is_err());
        for hidden in
            ["a\u{1b}b", "a\nb", "a\u{200b}", "\u{feff}a", "\u{3164}", "a\u{2800}", "a\u{2028}b"]
        {
            assert!(clean(hidden).is_err(), "{hidden:?} cannot be seen");
        }
        for turning in ["\u{202e}enohP", "a\u{2066}b\u{2069}", "a\u{200f}"] {
            assert!(clean(turning).is_err(), "{turning:?} turns the reading direction");
        }
        for plain in ["Firefox · Linux", "Zoës Telefon 📱", "👩🏽‍💻 ❤️", "李的手機", "טלפון"]
        {
            assert_eq!(clean(plain).unwrap(), plain);
        }
    }
}
