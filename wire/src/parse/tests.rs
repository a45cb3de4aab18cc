//! The fast parser for plain messages gives the same result as the general parser.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Texts that JSON quotes as they are, and some that it does not.
fn string() -> impl Strategy<Value = String> {
    let texts =
        ["[ -~é日😀]{0,120}", "[ -!#-\\[\\]-~]{1,140}", "[a\\\\\"nu0/\n\t\u{0}\u{7f}]{0,40}"];
    prop_oneof![1 => texts[0], 4 => texts[1], 1 => texts[2], 1 => Just("x".repeat(CONTENT_BYTES_MAX + 1))]
        .prop_flat_map(|text| {
            let raw = format!("\"{text}\"");
            prop_oneof![2 => Just(raw), 1 => Just(serde_json::to_string(&text).unwrap())]
        })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<u32>().prop_map(|number| number.to_string()),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => "-?[0-9]{1,20}([.eE][0-9]{0,2})?",
        1 => select(vec!["null", "true", "\"1\"", "[]", "{}", ""]).prop_map(str::to_owned),
    ]
}

fn entry() -> impl Strategy<Value = String> {
    let keys = ["from", "to", "to", "to", "group", "reply_to", "id", "x"];
    let strings = ["content", "content", "content", "ref", "token", "type", "x"];
    let kinds = [r#""message""#, r#""message""#, r#""ping""#, r#""messag\u0065""#, "null"];
    let pair = |key: &str, value: String| format!("\"{key}\":{value}");
    prop_oneof![
        4 => (select(keys.to_vec()), number()).prop_map(move |(key, value)| pair(key, value)),
        4 => (select(strings.to_vec()), string()).prop_map(move |(key, value)| pair(key, value)),
        1 => select(kinds.to_vec()).prop_map(move |kind| pair("type", kind.to_owned())),
    ]
}

/// Objects of a few keys, many of them messages.
fn frame() -> impl Strategy<Value = String> {
    let message = (any::<u32>(), string(), prop::collection::vec(entry(), 0..2)).prop_map(
        |(to, content, more)| {
            [vec![format!("\"to\":{to}"), format!("\"content\":{content}")], more].concat()
        },
    );
    prop_oneof![3 => message, 1 => prop::collection::vec(entry(), 0..6)]
        .prop_shuffle()
        .prop_map(|entries| format!("{{{}}}", entries.join(",")))
}

/// Puts bytes in, takes some out, or changes them, at any place.
fn mutated() -> impl Strategy<Value = String> {
    let bytes = [
        " ", "\n", "\t", "\r", "\u{c}", "\"", "\\", ",", ":", "{", "}", "0", "1", "-", ".", "é",
        "\u{0}", "",
    ];
    let change = (any::<prop::sample::Index>(), 0..3_usize, select(bytes.to_vec()));
    (frame(), prop::collection::vec(change, 0..4)).prop_map(|(frame, changes)| {
        let mut chars: Vec<char> = frame.chars().collect();
        for (at, out, put) in changes {
            let at = at.index(chars.len() + 1);
            chars.splice(at..(at + out).min(chars.len()), put.chars());
        }
        chars.into_iter().collect()
    })
}

fn same(text: &str) -> Result<(), TestCaseError> {
    if let Some(request) = plain::message(text) {
        prop_assert_eq!(Ok(request), Request::parse_any(text), "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_is_read_by_hand_is_what_the_parser_says(text in frame()) {
        same(&text)?;
    }

    #[test]
    fn also_when_it_is_mutilated(text in mutated()) {
        same(&text)?;
    }

    #[test]
    fn plain_bytes_end_where_something_is_to_be_escaped(text in "[ -~é]{0,100}[\u{0}-\u{1f}\"\\\\\u{7f}é]{0,2}[ -~]{0,70}") {
        let escapes = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        let expected = text.bytes().position(|byte| escapes(&byte)).unwrap_or(text.len());
        prop_assert_eq!(crate::escape::plain_bytes(text.as_bytes()), expected);
    }
}

#[test]
fn the_usual_messages_are_read_by_hand() {
    for text in [
        r#"{"from":2,"to":1,"content":"hello"}"#,
        r#"{"to":1,"content":"日本 é","ref":"c-42"}"#,
        "{ \"type\": \"message\" ,\n\t\"ref\": \"r\", \"content\":\"x\", \"group\": 5 }",
        r#"{"content":"x","to":0}"#,
    ] {
        assert_eq!(plain::message(text), Some(Request::parse_any(text).unwrap()), "{text}");
    }
}

#[test]
fn what_needs_care_is_not() {
    for text in [
        r#"{"to":1,"content":"a\nb"}"#,
        "{\"to\":1,\"content\":\"a\n\"}",
        "{\"to\":1,\"content\":\"a\",\"ref\":\"r\t\"}",
        r#"{"to":1,"to":1,"content":"x"}"#,
        r#"{"to" :1,"content":"x"}"#,
        r#"{"to":1,"group":1,"content":"x"}"#,
        r#"{"to":01,"content":"x"}"#,
        r#"{"to":1.0,"content":"x"}"#,
        r#"{"to":9223372036854775808,"content":"x"}"#,
        r#"{"to":1,"content":""}"#,
        r#"{"to":1,"content":"x",}"#,
        r#"{"to":1,"content":"x"} x"#,
        r#"{"to":1,"content":"x","reply_to":1}"#,
    ] {
        assert_eq!(plain::message(text), None, "{text}");
    }
}

fn refused(text: &str) -> Malformed {
    Request::parse(text).expect_err(text)
}

#[test]
fn half_a_character_is_refused_under_its_ref() {
    for text in [
        r#"{"to":2,"content":"cut \ud83d","ref":"js-1"}"#,
        r#"{"ref":"js-1","to":2,"content":"\ude00 cut"}"#,
        r#"{"type":"search","text":"\ud83d","ref":"js-1"}"#,
        r#"{"type":"react","ref":"js-1","id":1,"emoji":"\ud83d"}"#,
        r#"{"type":"group.create","name":"\uD83D","members":[],"ref":"js-1"}"#,
        r#"{"\ud83d":1,"ref":"js-1"}"#,
        r#"{"type":"hello","token":"\ud83d\ud83d","r\u0065f" : "js\u002d1"}"#,
    ] {
        let Malformed { code, message, reference } = refused(text);
        assert_eq!((code, reference.as_deref()), (Code::BadRequest, Some("js-1")), "{text}");
        assert!(message.contains("half of a character"), "{message}");
        assert!(!message.contains("cut \\") && !message.contains("js-1"), "{message}");
    }
    // The `ref` itself is cut: there is none to answer under.
    let Malformed { message, reference, .. } = refused(r#"{"to":2,"content":"x","ref":"\ud83d"}"#);
    assert!(reference.is_none() && message.contains("half of a character"), "{message}");
}

#[test]
fn a_frame_that_cannot_be_read_is_refused_under_its_ref() {
    let deep = format!(r#"{{"x":{}{},"ref":"r"}}"#, "[".repeat(1000), "]".repeat(1000));
    for text in [
        r#"{"to":1e400,"content":"x","ref":"r"}"#,
        r#"{"to":123456789012345678901234567890,"content":"x","ref":"r"}"#,
        r#"{"to":1.5,"content":"x","ref":"r"}"#,
        r#"{"x":1e400,"ref":"r"}"#,
        r#"{"to":01,"content":"x","ref":"r"}"#,
        r#"{"to":NaN,"content":"x","ref":"r"}"#,
        r#"{"to":1,"content":"\x","ref":"r"}"#,
        r#"{"to":1,"content":"\u12","ref":"r"}"#,
        "{\"to\":1,\"content\":\"a\nb\",\"ref\":\"r\"}",
        "{\"to\":1,\"content\":\"a\0b\",\"ref\":\"r\"}",
        r#"{"to":1,"content":"a\u0000b","ref":"r"}"#,
        r#"{"to":1,"content":"x","ref":"r",}"#,
        r#"{"to":1,,"content":"x","ref":"r"}"#,
        r#"{"to":1,"content":"x","ref":"r"} x"#,
        r#"{"to":1,"content":"x","ref":"r""#,
        r#"{"ref":"r","content":"x"#,
        r#"{"to":1,"to":1,"content":"x","ref":"r"}"#,
        r#"{"ref":"first","to":1,"content":"x","ref":"r"}"#,
        r#"{"x":{"ref":"inner"},"to":"ref","y":["ref"],"ref":"r","z":{"ref":1}}"#,
        r#"{"content":"\"ref\":\"no\"\\","to":1.5,"ref":"r"}"#,
        r#"{to:1,"ref":"r"}"#,
        &deep,
    ] {
        let Malformed { code, reference, .. } = refused(text);
        assert_eq!((code, reference.as_deref()), (Code::BadRequest, Some("r")), "{text}");
    }
    for text in [
        "",
        "ref",
        r#"["ref","r"]"#,
        r#""ref":"r""#,
        r#"{"to":1.5,"ref":""}"#,
        r#"{"to":1.5,"ref":"a\u0000"}"#,
        r#"{"to":1.5,"ref":7}"#,
        r#"{"to":1.5,"ref":"r","ref":7}"#,
        r#"{"to":1.5,"ref":"cut"#,
        r#"{"to":1.5,"ref""#,
        r#"{"x":{"ref":"r"},"to":1.5}"#,
        r#"{}{"ref":"r"}"#,
    ] {
        assert_eq!(refused(text).reference, None, "{text}");
    }
}
