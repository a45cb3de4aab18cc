//! Unpaired surrogates: a JavaScript string that is cut inside an emoji ends in one.

/// The sentence of the error about an unpaired surrogate.
pub const UNPAIRED_SURROGATE: &str = "a text holds half of a character (one of the two escapes \\ud800 to \\udfff \
                                  of an emoji, without the other); cut texts between characters";

/// Whether a JSON text has an escape of an unpaired surrogate, which stands for no character.
pub fn has_unpaired_surrogate(json: &[u8]) -> bool {
    let (mut rest, mut is_after_first) = (json, false);
    while let Some((&byte, after)) = rest.split_first() {
        let unit = if byte == b'\\' { escaped(after) } else { None };
        let is = |units: std::ops::Range<u16>| unit.is_some_and(|unit| units.contains(&unit));
        if is_after_first != is(0xDC00..0xE000) {
            return true;
        }
        is_after_first = is(0xD800..0xDC00);
        let length = match unit {
            Some(_) => "uXXXX".len(),
            None => usize::from(byte == b'\\'),
        };
        rest = after.get(length..).unwrap_or_default();
    }
    is_after_first
}

/// The UTF-16 unit of an escape, from after its backslash.
fn escaped(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit * 16 + u16::try_from(char::from(digit).to_digit(16)?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::has_unpaired_surrogate;

    #[test]
    fn a_surrogate_without_the_other_is_half_a_character() {
        for json in [
            r#""\ud83d""#,
            r#""\uD83D and on""#,
            r#""\ud83d\n""#,
            r#""\ud83d\u0041""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ude00""#,
            r#""\ud83d\ude00\ude00""#,
            r#""\ud83d"#,
            r#"{"\ud83d":1}"#,
            r#""\\\ud83d""#,
        ] {
            assert!(has_unpaired_surrogate(json.as_bytes()), "{json}");
        }
        for json in [
            "",
            "\"😀\"",
            r#""\ud83d\ude00""#,
            r#""\ud83d\ude00\ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\u+d83""#,
            r#""\ud8"#,
            r#""\"#,
            r#""\ue000\ud7ff""#,
        ] {
            assert!(!has_unpaired_surrogate(json.as_bytes()), "{json}");
        }
    }
}
