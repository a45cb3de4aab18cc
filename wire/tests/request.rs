//! Frames that are refused, and how.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use proptest::prelude::*;
use wire::limit::{CONTENT_BYTES_MAX, REF_BYTES_MAX};
use wire::{AccountId, Code, Request};

/// Parses and gives the code and the `ref` of the refusal.
fn refused(text: &str) -> (Code, Option<String>) {
    let wrong = Request::parse(text).unwrap_err();
    assert!(!wrong.message.is_empty());
    (wrong.code, wrong.reference)
}

#[test]
fn a_refusal_has_a_code_and_the_ref_where_there_is_a_good_one() {
    use Code::{BadRequest, UnknownType};
    let with_ref = Some("r".to_owned());
    for (text, code, reference) in [
        ("", BadRequest, None),
        ("pong", BadRequest, None),
        ("null", BadRequest, None),
        ("{", BadRequest, None),
        (r#"{"to":1,"content":"x","ref":"#, BadRequest, None),
        (r#"{"to":1,"ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"content":"x","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":"1","content":"x","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1.5,"content":"x"}"#, BadRequest, None),
        (r#"{"to":99999999999999999999,"content":"x"}"#, BadRequest, None),
        (r#"{"to":1,"content":7,"ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1,"content":"","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1,"content":"a\u0000b","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1,"content":"x","ref":""}"#, BadRequest, None),
        (r#"{"to":1,"content":"x","ref":"\u0000"}"#, BadRequest, None),
        (r#"{"to":1,"content":"x","ref":5}"#, BadRequest, None),
        (r#"{"to":1,"to":2,"content":"x"}"#, BadRequest, None),
        (r#"{"type":5,"ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"dance","ref":"r"}"#, UnknownType, with_ref.clone()),
        (r#"{"type":"hello","since":-1,"token":"t"}"#, BadRequest, None),
        (r#"{"type":"received","ref":"r"}"#, BadRequest, with_ref),
    ] {
        assert_eq!(refused(text), (code, reference), "{text}");
    }
}

#[test]
fn a_refusal_never_repeats_what_was_sent() {
    let wrong = Request::parse(r#"{"to":"topsecret","content":"topsecret"}"#).unwrap_err();
    assert!(!wrong.message.contains("topsecret"), "{}", wrong.message);
}

#[test]
fn sizes_are_counted_in_bytes_after_unescaping() {
    let message = |content: &str, reference: &str| {
        serde_json::json!({"to": 1, "content": content, "ref": reference}).to_string()
    };
    let (long, reference) = ("é".repeat(CONTENT_BYTES_MAX / 2), "r".repeat(REF_BYTES_MAX));
    assert!(Request::parse(&message(&long, &reference)).is_ok());
    assert!(Request::parse(&message(&format!("{long}x"), &reference)).is_err());
    assert!(Request::parse(&message("x", &format!("{reference}r"))).is_err());
    assert!(Request::parse(&message(&"\n".repeat(CONTENT_BYTES_MAX), "r")).is_ok());
}

proptest! {
    #[test]
    fn any_content_survives(content in "[^\u{0}]{1,200}", reference in "[^\u{0}]{1,16}", to in any::<i64>()) {
        let text = serde_json::json!({"to": to, "content": content, "ref": reference}).to_string();
        let request = Request::parse(&text);
        let expected = Request::Message {
            from: None,
            to: AccountId(to),
            content: content.into(),
            reference: Some(reference.into()),
            token: None,
        };
        prop_assert_eq!(request, Ok(expected));
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,300}") {
        let _ = Request::parse(&text);
    }
}
