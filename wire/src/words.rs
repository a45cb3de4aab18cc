//! The words of a text for search. They are the same on both engines, with any locale.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use icu_properties::props::{Alphabetic, DefaultIgnorableCodePoint, GeneralCategory, Script};
use icu_properties::script::ScriptWithExtensions;
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::freeform::is_mark;

/// An invisible character that ends a word in scripts without spaces between words (Thai, Khmer …).
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// A part of a folded text between characters that are neither letters nor digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The letters, digits and combining marks of the word.
    pub text: &'a str,
    /// Whether it is a run: text in a script without spaces between words, so it may contain several words.
    pub is_run: bool,
}

/// The form in which texts are compared: NFKC and full case folding, without invisible characters. Texts that differ only in letter
/// case, in the encoding of accents or in compatibility forms (full width, ligatures) have the same form.
///
/// Folding it again changes nothing.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.contains(|c: char| c.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    // Twice, since a decomposed character may have another case, and folding may give a character that decomposes (Unicode, D146).
    let folded = folded_once(&folded_once(text));
    Cow::Owned(ComposingNormalizer::new_nfkc().normalize(&folded).into_owned())
}

fn folded_once(text: &str) -> String {
    let text = DecomposingNormalizer::new_nfkd().normalize(text);
    let seen: String = text.chars().filter_map(seen).collect();
    CaseMapper::new().fold_string(&seen).into_owned()
}

/// The character; `None` if it is invisible.
fn seen(character: char) -> Option<char> {
    if character.is_ascii() {
        return Some(character);
    }
    if character == ZERO_WIDTH_SPACE {
        return Some(' ');
    }
    let is_unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    (!is_unseen).then_some(character)
}

/// The words of a folded text, in its order.
pub fn words(folded: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = folded;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| !is_letter(c));
        let is_run = is_unspaced(rest.chars().next()?);
        let is_over = |c: char| {
            if is_letter(c) { is_unspaced(c) != is_run } else { !is_mark(c) }
        };
        let (text, after) = rest.split_at(rest.find(is_over).unwrap_or(rest.len()));
        rest = after;
        Some(Word { text, is_run })
    })
}

/// Whether a word may begin with this character. Combining marks may only follow.
fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    use GeneralCategory as Is;
    CodePointSetData::new::<Alphabetic>().contains(character)
        || matches!(
            CodePointMapData::<Is>::new().get(character),
            Is::DecimalNumber | Is::LetterNumber | Is::OtherNumber
        )
}

/// Whether the character belongs to a script without spaces between words.
fn is_unspaced(character: char) -> bool {
    if character.is_ascii() {
        return false;
    }
    let scripts = ScriptWithExtensions::new();
    match scripts.get_script_val(character) {
        Script::Han
        | Script::Hiragana
        | Script::Katakana
        | Script::Thai
        | Script::Lao
        | Script::Khmer
        | Script::Myanmar => true,
        // Such as the sign that makes vowels long.
        Script::Common => {
            [Script::Hiragana, Script::Katakana].iter().any(|it| scripts.has_script(character, *it))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn split(text: &str) -> Vec<(String, bool)> {
        words(&folded(text)).map(|word| (word.text.to_owned(), word.is_run)).collect()
    }

    #[test]
    fn what_reads_alike_is_the_same() {
        for same in [
            &["Zürich", "ZÜRICH", "zu\u{308}rich", "ZU\u{308}RICH"] as &[_],
            &["straße", "STRASSE", "STRAẞE", "Strasse", "straſſe"],
            &["ὀδός", "ὈΔΌΣ", "ὀδόσ"],
            &["ＡＢＣ１２３", "abc123", "ABC123"],
            &["ｶﾞｷﾞ", "ガギ", "カ\u{3099}キ\u{3099}"],
            &["ﬁnance oﬃce", "finance office", "FINANCE OFFICE"],
            &["İstanbul", "i\u{307}stanbul", "I\u{307}STANBUL"],
            &["℡", "TEL", "tel"],
            &["ex\u{ad}ample", "example", "exam\u{2060}ple"],
            &["한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"],
            &["Ǆ", "ǆ", "dž"],
            &["ᾳ", "ᾼ", "αι"],
        ] {
            for text in same {
                assert_eq!(folded(text), folded(same[0]), "{text}");
            }
        }
        // Unicode's folding has no language: a dotless i is another letter.
        assert_ne!(folded("ısı"), folded("isi"));
        assert_ne!(folded("resume"), folded("résumé"));
    }

    #[test]
    fn words_end_where_their_script_says_so() {
        let of = |parts: &[(&str, bool)]| -> Vec<_> {
            parts.iter().map(|(text, is_run)| ((*text).to_owned(), *is_run)).collect()
        };
        assert_eq!(
            split("It's bob@mail.x, 100%"),
            of(&["it", "s", "bob", "mail", "x", "100"].map(|it| (it, false)))
        );
        assert_eq!(split("東京都庁に行く。"), of(&[("東京都庁に行く", true)]));
        assert_eq!(
            split("2024年iPhone用ケース"),
            of(&[("2024", false), ("年", true), ("iphone", false), ("用ケース", true)])
        );
        assert_eq!(split("ラーメン・すし"), of(&[("ラーメン", true), ("すし", true)]));
        assert_eq!(split("ภาษา\u{200b}ไทย"), of(&[("ภาษา", true), ("ไทย", true)]));
        assert_eq!(split("हिन्दी भाषा"), of(&[("हिन्दी", false), ("भाषा", false)]));
        assert_eq!(split("İ \u{301}a"), of(&[("i\u{307}", false), ("a", false)]));
        assert_eq!(split("안녕 🍋 -"), of(&[("안녕", false)]));
    }

    /// All characters that Unicode has defined, but for ranges of syllables and ideographs that are all treated alike.
    fn all() -> impl Iterator<Item = char> {
        let is_alike = |c: &char| {
            matches!(
                c,
                '\u{3500}'..='\u{9f00}' | '\u{ad00}'..='\u{d600}' | '\u{12000}'..='\u{18fff}'
                    | '\u{20100}'..='\u{2f7ff}' | '\u{30000}'..='\u{3ffff}'
            )
        };
        let is_defined = |c: &char| {
            let category = CodePointMapData::<GeneralCategory>::new().get(*c);
            !matches!(category, GeneralCategory::Unassigned | GeneralCategory::PrivateUse)
        };
        ('\0'..=char::MAX).filter(move |c| !is_alike(c) && is_defined(c))
    }

    /// The index of a database is of one folding. Should another version of Unicode's data, or a change above, make this fail,
    /// then the index must be made anew by a migration, as `sql/migrations` did when words came to be folded.
    #[test]
    fn the_folding_is_the_one_that_databases_have() {
        let mut digest = Sha256::new();
        for character in all() {
            let text = format!("a{character}中{character}");
            for word in words(&folded(&text)) {
                digest.update(word.text);
                digest.update([u8::from(word.is_run), 0]);
            }
        }
        let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "255a928161c4d9d2c4b4c8868ef61100408f3cc28ad4415e3768333b5544f7f2");
    }

    #[test]
    fn each_character_is_found_in_its_other_forms() {
        let lower = |text: &str| text.to_lowercase();
        let upper = |text: &str| text.to_uppercase();
        let nfd = |text: &str| DecomposingNormalizer::new_nfd().normalize(text).into_owned();
        let nfc = |text: &str| ComposingNormalizer::new_nfc().normalize(text).into_owned();
        let mut others = Vec::new();
        for character in all() {
            let text = character.to_string();
            let once = folded(&text).into_owned();
            assert_eq!(folded(&once), once, "{character:?} again");
            for form in [lower(&text), nfd(&text), nfc(&text), nfd(&once)] {
                assert_eq!(folded(&form), once, "{character:?} as {form:?}");
            }
            if folded(&upper(&text)) != once {
                others.push(character);
            }
        }
        assert_eq!(others, ['ı'], "whose capital is that of i");
    }
}
