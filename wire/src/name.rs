//! Names of accounts and groups: the Nickname profile of RFC 8266, and emojis.

use icu_normalizer::ComposingNormalizer;

use crate::emoji::emoji_length;
use crate::freeform::{fault, is_mark};
use crate::limit::NAME_CHARS_MAX;

/// How many times the rules are applied (RFC 8264, section 7). A name that changes even then is refused.
const ROUNDS_MAX: usize = 4;
/// Characters of the given name for each stored one: letters and marks are composed, and spaces are trimmed.
const GIVEN_PER_KEPT: usize = 4;
const LENGTH: &str = "`name` must have 1 to 100 characters";
const _: () = assert!(NAME_CHARS_MAX == 100, "as in LENGTH");

/// The stored and displayed form of a name: normalized by NFKC except for its emojis, with single spaces between words and none
/// around them.
///
/// # Errors
/// The reason why the name is not allowed, as a sentence. It names the class of a character, and not the character.
pub fn name(text: &str) -> Result<String, &'static str> {
    let mut name = text.trim().to_owned();
    for _ in 0..ROUNDS_MAX {
        if name.is_empty() || name.chars().count() > GIVEN_PER_KEPT * NAME_CHARS_MAX {
            return Err(LENGTH);
        }
        let next = enforced(&name)?;
        if next != name {
            name = next;
            continue;
        }
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(LENGTH);
        }
        if name.starts_with(is_mark) {
            return Err("`name` must begin with something else than an accent or another mark");
        }
        return Ok(name);
    }
    Err("`name` must not contain characters that have no settled form")
}

/// The rules, applied once.
fn enforced(text: &str) -> Result<String, &'static str> {
    let chars: Vec<char> = ComposingNormalizer::new_nfc().normalize_iter(text.chars()).collect();
    let (mut whole, mut plain) = (String::with_capacity(text.len()), String::new());
    let compose = |plain: &str, whole: &mut String| {
        whole.push_str(&ComposingNormalizer::new_nfkc().normalize(plain));
    };
    let mut at = 0;
    while at < chars.len() {
        let length = emoji_length(&chars[at..]);
        if length > 0 {
            compose(&std::mem::take(&mut plain), &mut whole);
            whole.extend(&chars[at..at + length]);
        } else if let Some(fault) = fault(&chars, at) {
            return Err(fault);
        } else {
            plain.push(chars[at]);
        }
        at += length.max(1);
    }
    compose(&plain, &mut whole);
    // Of white space only spaces have passed.
    Ok(whole.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_it_reads() {
        for text in [
            "Alice 👋",
            "Zoë O'Brien-Smith, Jr.",
            "李小龍",
            "さくら・カフェ",
            "한국",
            "דנה צ׳רלי",
            "محمد",
            "علی\u{200c}رضا",
            "क्\u{200d}ष",
            "Паша ❤️",
            "team 🏳️‍🌈 👩🏽‍💻 1️⃣",
            "🇩🇪",
            "™️ ㊗️",
            "col·lecció",
            "\u{1e900}\u{1e921}",
            "𠮷野",
            "\u{30000}",
            "<b>",
            "٣٤",
        ] {
            assert_eq!(name(text), Ok(text.to_owned()));
        }
        for (text, kept) in [
            (" \t Alice\u{a0}\u{3000} B\u{2003} \n", "Alice B"),
            ("Zoe\u{308}", "Zoë"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("Ａlice ﬁ ①", "Alice fi 1"),
        ] {
            assert_eq!(name(text), Ok(kept.to_owned()));
        }
        assert_eq!(name(&"é".repeat(100)).unwrap().chars().count(), 100);
        assert_eq!(name(&"e\u{301}".repeat(100)).unwrap().chars().count(), 100);
    }

    #[test]
    fn a_name_can_be_seen_and_turns_nothing() {
        for (texts, said) in [
            (&["", "  ", "\u{3000}"] as &[_], "1 to 100 characters"),
            (&["a\0b", "a\nb", "a\u{85}b", "a\u{2028}b", "a\u{1b}b", "a\u{7f}"], "control"),
            (
                &[
                    "\u{3164}",
                    "\u{115f}",
                    "\u{ffa0}",
                    "\u{2800}",
                    "Alice\u{2800}",
                    "A\u{ad}lice",
                    "A\u{200b}lice",
                    "\u{feff}Alice",
                    "A\u{2060}",
                    "\u{e0041}",
                    "A\u{fe0f}",
                    "A\u{180e}",
                    "A\u{34f}",
                    "\u{1d159}",
                    "\u{600}1",
                ],
                "cannot be seen",
            ),
            (
                &[
                    "\u{202e}ecilA",
                    "A\u{202a}",
                    "A\u{2066}b\u{2069}",
                    "A\u{200e}",
                    "A\u{200f}",
                    "A\u{61c}",
                    "A\u{2068}",
                ],
                "reading direction",
            ),
            (
                &[
                    "A\u{200d}",
                    "A\u{200c}B",
                    "👍\u{200d}",
                    "👩\u{200d}B",
                    "a·b",
                    "a׳",
                    "۳٣",
                    "a・b",
                ],
                "joiners or signs",
            ),
            (&["\u{e000}", "A\u{378}", "\u{ffff}", "\u{10ffff}"], "not defined"),
            (&["A\u{640}"], "stretch"),
            (&["\u{301}", " \u{308}x", "¨", "\u{20dd}"], "begin with"),
        ] {
            for text in texts {
                let refused = name(text).expect_err(text);
                assert!(refused.contains(said), "{text:?}: {refused}");
            }
        }
    }

    #[test]
    fn a_name_has_a_bound() {
        assert!(name(&"é".repeat(101)).is_err());
        // One character may become many.
        assert!(name(&"\u{fdfa}".repeat(5)).is_ok() && name(&"\u{fdfa}".repeat(6)).is_err());
        assert!(name(&"x".repeat(64 * 1024)).is_err());
        assert!(name(&format!("a{}b", " ".repeat(398))).is_ok());
    }
}
