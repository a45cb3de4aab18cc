//! Text that is borrowed from the frame if JSON needed no escape.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::escape::plain_bytes;

/// A text of a request.
///
/// serde's own `Option<Cow<str>>` always allocates. This type allocates only for escaped text, and knows whether it did.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// A text that JSON writes without escapes.
    pub(crate) fn plain(text: &'a str) -> Self {
        debug_assert_eq!(plain_bytes(text.as_bytes()), text.len());
        Self(Cow::Borrowed(text))
    }

    /// The text as JSON writes it between the quotes; `None` if it was escaped.
    pub(crate) fn as_plain(&self) -> Option<&str> {
        match &self.0 {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// The text as an owned string.
    pub fn into_owned(self) -> String {
        self.0.into_owned()
    }

    pub(crate) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                // serde_json's own text borrows only what has no escape; whoever else calls may lend anything.
                let is_plain = plain_bytes(text.as_bytes()) == text.len();
                Ok(if is_plain { Text::plain(text) } else { text.to_owned().into() })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(text.to_owned().into())
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Text;

    #[test]
    fn only_what_needs_no_escape_is_plain() {
        let read = |json| serde_json::from_str::<Text<'_>>(json).unwrap();
        assert_eq!(read("\"caf\u{e9} \u{7f}\"").as_plain(), Some("caf\u{e9} \u{7f}"));
        assert_eq!(read(r#""a\"b""#).as_plain(), None);
        assert_eq!(&*read(r#""a\"b""#), "a\"b");
        // Lent by something that is no JSON text.
        let value = serde_json::Value::from("a\"b");
        assert_eq!(Text::deserialize(&value).unwrap().as_plain(), None);
    }
}
