//! Emojis: the sequences of Unicode's recommended set (RGI, UTS 51).

use std::collections::HashSet;
use std::sync::LazyLock;

/// Characters of the longest sequence: a couple with two skin tones, with a selector after each part.
const CHARS_MAX: usize = 16;
/// The variation selector that asks for the coloured form of an emoji. Texts may leave it out.
const SELECTOR: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';

/// The emojis, without [`SELECTOR`]. A test compares the list with the crate `emojis`, which has much that no server needs.
static RECOMMENDED: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("emoji.txt").lines().collect());

/// Whether the text is one emoji, with or without its selectors.
pub(crate) fn is_emoji(text: &str) -> bool {
    let mut last = JOINER;
    let mut bare = String::with_capacity(text.len());
    for next in text.chars() {
        match next {
            SELECTOR if matches!(last, SELECTOR | JOINER) => return false,
            SELECTOR => {}
            _ => bare.push(next),
        }
        last = next;
    }
    RECOMMENDED.contains(&*bare)
}

/// The number of characters of the longest emoji at the beginning of `chars`; 0 if there is none.
pub(crate) fn emoji_length(chars: &[char]) -> usize {
    // No emoji begins with an ASCII letter. (Some begin with a digit, `#` or `*`.)
    if chars.first().is_none_or(|first| first.is_alphabetic() && first.is_ascii()) {
        return 0;
    }
    let is_emoji = |length: &usize| is_emoji(&String::from_iter(&chars[..*length]));
    (1..=chars.len().min(CHARS_MAX)).rev().find(is_emoji).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::{env, fs};

    use super::*;
    use crate::limit::EMOJI_BYTES_MAX;

    #[test]
    fn the_list_is_unicodes() {
        let all = emojis::iter().flat_map(|one| {
            let toned = one.skin_tones().into_iter().flatten();
            toned.chain([one]).map(|one| one.as_str().replace(SELECTOR, ""))
        });
        let lines: BTreeSet<String> = all.collect();
        let now: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/emoji.txt");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &now).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap();
        assert!(
            kept == now,
            "wire/src/emoji.txt is out of date: run UPDATE_GOLDEN=1 cargo test -p wire"
        );
        assert!(emojis::iter().all(|one| one.as_str().len() <= EMOJI_BYTES_MAX));
        assert!(lines.iter().all(|line| line.chars().count() <= CHARS_MAX));
    }

    #[test]
    fn one_emoji_is_one_emoji() {
        for text in [
            "👍",
            "👍🏽",
            "❤",
            "❤️",
            "👩‍❤️‍💋‍👨",
            "👩‍❤‍💋‍👨",
            "👩🏽‍❤️‍💋‍👨🏿",
            "👨‍👩‍👧‍👦",
            "🏳️‍🌈",
            "🏳‍🌈",
            "🇩🇪",
            "1️⃣",
            "1⃣",
            "#️⃣",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "©",
            "☺️",
            "🐶\u{fe0f}",
        ] {
            assert!(is_emoji(text), "{text}");
            let chars: Vec<char> = format!("{text}👍").chars().collect();
            assert_eq!(emoji_length(&chars), chars.len() - 1, "{text}");
        }
        for text in [
            "",
            "x",
            "1",
            "#",
            "👍👍",
            "👍 ",
            " 👍",
            "👍x",
            ":+1:",
            "é",
            "🏽🏽",
            "\u{200d}",
            "\u{fe0f}",
            "\u{fe0f}👍",
            "👍\u{fe0f}\u{fe0f}",
            "👍\u{200d}",
            "👩\u{200d}\u{fe0f}💻",
            "👍\u{200d}👍",
            "🇩",
            "🇩🇩",
            "☺\u{fe0e}",
            "<b>",
            "👍\0",
        ] {
            assert!(!is_emoji(text), "{text}");
        }
        assert_eq!(emoji_length(&"Alice 👋".chars().collect::<Vec<_>>()), 0);
        assert_eq!(emoji_length(&[]), 0);
    }
}
