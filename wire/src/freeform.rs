//! The characters that are allowed in names: the FreeformClass of RFC 8264, section 4.3; and those that are left out of
//! names of files.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, HangulSyllableType,
    JoiningType, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The reason why a character is not allowed, as a sentence.
pub(crate) type Fault = &'static str;

const UNSEEN: Fault = "`name` must not contain characters that cannot be seen";
const TURNING: Fault = "`name` must not contain characters that turn the reading direction";
const CONTROL: Fault = "`name` must not contain control characters or line breaks";
const UNDEFINED: Fault = "`name` must not contain characters that Unicode has not defined";
const STRETCHING: Fault = "`name` must not contain signs that only stretch or repeat others";
const ALONE: Fault = "`name` must not contain joiners or signs that belong between letters of a script, without these";

/// The reason why the character at index `at` is not allowed there; `None` if it is allowed.
pub(crate) fn fault(text: &[char], at: usize) -> Option<Fault> {
    let character = text[at];
    if character.is_ascii() {
        return character.is_ascii_control().then_some(CONTROL);
    }
    // RFC 8264, section 9.6: exceptions to the rules by category.
    if matches!(
        character,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}'
    ) {
        return Some(STRETCHING);
    }
    if let Some(is_in_place) = is_in_place(text, at) {
        return (!is_in_place).then_some(ALONE);
    }
    if let Some(fault) = hidden(character) {
        return Some(fault);
    }
    if is_old_hangul(character) {
        return Some(UNSEEN);
    }
    match CodePointMapData::<GeneralCategory>::new().get(character) {
        GeneralCategory::Unassigned | GeneralCategory::PrivateUse | GeneralCategory::Surrogate => {
            Some(UNDEFINED)
        }
        _ => None,
    }
}

/// Whether a character is invisible wherever it stands, or turns the reading direction. Joiners and variation selectors
/// are not hidden: they change how their neighbours look.
pub fn is_hidden(character: char) -> bool {
    let is_shaping = matches!(
        character,
        '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    );
    !is_shaping && hidden(character).is_some()
}

/// The reason why a character is not allowed if it is invisible by itself, or turns the reading direction.
fn hidden(character: char) -> Option<Fault> {
    match character {
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            return Some(TURNING);
        }
        // Our own exceptions: symbols by their category, but invisible.
        '\u{2800}' | '\u{fffc}' | '\u{1d159}' => return Some(UNSEEN),
        _ => {}
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) {
        return Some(UNSEEN);
    }
    match CodePointMapData::<GeneralCategory>::new().get(character) {
        GeneralCategory::Control
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator => Some(CONTROL),
        GeneralCategory::Format => Some(UNSEEN),
        _ => None,
    }
}

/// Whether the character is a combining mark.
pub(crate) fn is_mark(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    use GeneralCategory as Is;
    matches!(category, Is::NonspacingMark | Is::SpacingMark | Is::EnclosingMark)
}

/// Whether the character is a part of a Hangul syllable, some of which are invisible. Normalization composes modern Korean of
/// such parts, so they do not occur in it.
fn is_old_hangul(character: char) -> bool {
    use HangulSyllableType as Is;
    let kind = CodePointMapData::<Is>::new().get(character);
    matches!(kind, Is::LeadingJamo | Is::VowelJamo | Is::TrailingJamo)
}

/// The contextual rules of RFC 5892, appendix A; `None` for a character without such a rule.
fn is_in_place(text: &[char], at: usize) -> Option<bool> {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let after = text.get(at + 1).copied();
    let is_of = |neighbour: Option<char>, script| {
        neighbour.is_some_and(|it| CodePointMapData::<Script>::new().get(it) == script)
    };
    Some(match text[at] {
        '\u{200c}' => follows_virama(before) || joins(text, at),
        '\u{200d}' => follows_virama(before),
        '\u{b7}' => before == Some('l') && after == Some('l'),
        '\u{375}' => is_of(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        '\u{30fb}' => text.iter().any(|&it| {
            let script = CodePointMapData::<Script>::new().get(it);
            matches!(script, Script::Hiragana | Script::Katakana | Script::Han)
        }),
        // Two sets of digits that look alike must not be mixed.
        '\u{660}'..='\u{669}' => !text.iter().any(|it| ('\u{6f0}'..='\u{6f9}').contains(it)),
        '\u{6f0}'..='\u{6f9}' => !text.iter().any(|it| ('\u{660}'..='\u{669}').contains(it)),
        _ => return None,
    })
}

fn follows_virama(before: Option<char>) -> bool {
    let class = |it| CodePointMapData::<CanonicalCombiningClass>::new().get(it);
    before.is_some_and(|it| class(it) == CanonicalCombiningClass::Virama)
}

/// Whether the letters on both sides would be joined without the character between them.
fn joins(text: &[char], at: usize) -> bool {
    use JoiningType as Is;
    let kind = |it: &char| CodePointMapData::<Is>::new().get(*it);
    let opaque = |kind: &Is| *kind != Is::Transparent;
    let before = text[..at].iter().rev().map(kind).find(opaque);
    let after = text[at + 1..].iter().map(kind).find(opaque);
    matches!(before, Some(Is::LeftJoining | Is::DualJoining))
        && matches!(after, Some(Is::RightJoining | Is::DualJoining))
}
