//! Names of devices. They are checked here only; elsewhere a name is a plain string.

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
    if device.contains(char::is_control) {
        return Err("`device` must not contain control characters");
    }
    Ok(device.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_bound_and_no_control_characters() {
        assert_eq!(clean(" ").unwrap(), "");
        assert!(clean(&"x".repeat(100)).is_ok() && clean(&"x".repeat(101)).is_err());
        assert!(clean("a\u{1b}b").is_err());
    }
}
