//! Requests that are taken, and how.

use proptest::prelude::*;
use serde_json::{Value, json};
use wire::limit::{
    CONTENT_BYTES_MAX, CONVERSATIONS_MAX, GROUP_MEMBERS_MAX, NAME_CHARS_MAX, PAGE_ITEMS_MAX,
    PRESENCE_IDS_MAX, REF_BYTES_MAX, REPORT_BYTES_MAX, SEARCH_BYTES_MAX,
};
use wire::{AccountId, Command, GroupId, MessageId, Peer, Recipient, Request, Text};

fn is_taken(frame: &Value) -> bool {
    Request::parse(&frame.to_string()).is_ok()
}

#[test]
fn sizes_are_counted_in_bytes_after_unescaping() {
    let message =
        |content: &str, reference: &str| json!({"to": 1, "content": content, "ref": reference});
    let (long, reference) = ("é".repeat(CONTENT_BYTES_MAX / 2), "r".repeat(REF_BYTES_MAX));
    assert!(is_taken(&message(&long, &reference)));
    assert!(!is_taken(&message(&format!("{long}x"), &reference)));
    assert!(!is_taken(&message("x", &format!("{reference}r"))));
    assert!(is_taken(&message(&"\n".repeat(CONTENT_BYTES_MAX), "r")));
}

#[test]
fn every_bound_is_reached_and_not_passed() {
    let text = |length| Value::from("x".repeat(length));
    let list = |length| Value::from(vec![1; length]);
    let bounds = [
        (
            json!({"type": "edit", "id": 1}),
            "content",
            text as fn(usize) -> Value,
            CONTENT_BYTES_MAX,
        ),
        (json!({"type": "search"}), "text", text, SEARCH_BYTES_MAX),
        (json!({"type": "report", "id": 1}), "text", text, REPORT_BYTES_MAX),
        (json!({"type": "group.create", "members": []}), "name", text, NAME_CHARS_MAX),
        (json!({"type": "group.rename", "group": 5}), "name", text, NAME_CHARS_MAX),
        // Who makes a group is in it, too.
        (json!({"type": "group.create", "name": "x"}), "members", list, GROUP_MEMBERS_MAX - 1),
        (json!({"type": "presence"}), "ids", list, PRESENCE_IDS_MAX),
    ];
    for (mut frame, key, of_length, max) in bounds {
        frame[key] = of_length(max);
        assert!(is_taken(&frame), "{max} of {key} in {}", frame["type"]);
        frame[key] = of_length(max + 1);
        assert!(!is_taken(&frame), "{} of {key} in {}", max + 1, frame["type"]);
    }
}

#[test]
fn a_groups_name_is_counted_in_characters() {
    let rename = |name: String| json!({"type": "group.rename", "group": 5, "name": name});
    assert!(is_taken(&rename("日".repeat(NAME_CHARS_MAX))));
    assert!(!is_taken(&rename("日".repeat(NAME_CHARS_MAX + 1))));
}

#[test]
fn a_limit_that_is_too_high_is_the_highest() {
    let limit = |frame: Value| match Request::parse(&frame.to_string()).unwrap().command {
        Command::History { limit, .. }
        | Command::Conversations { limit, .. }
        | Command::Search { limit, .. } => limit,
        other => panic!("{other:?}"),
    };
    let (page, conversations) = (PAGE_ITEMS_MAX as i64, CONVERSATIONS_MAX as i64);
    assert_eq!(limit(json!({"type": "history", "with": 2})), None);
    assert_eq!(limit(json!({"type": "history", "with": 2, "limit": 1})), Some(1));
    assert_eq!(limit(json!({"type": "history", "with": 2, "limit": i64::MAX})), Some(page));
    assert_eq!(limit(json!({"type": "search", "text": "x", "limit": 100_000})), Some(page));
    assert_eq!(limit(json!({"type": "conversations", "limit": 100_000})), Some(conversations));
}

#[test]
fn null_is_nothing_but_where_it_says_something() {
    let command = |text| Request::parse(text).unwrap().command;
    let plain = command(r#"{"to":1,"content":"x"}"#);
    assert_eq!(
        command(r#"{"to":1,"content":"x","reply_to":null,"token":null,"group":null}"#),
        plain
    );
    let react = command(r#"{"type":"react","id":77,"emoji":null}"#);
    assert_eq!(react, Command::React { id: MessageId(77), emoji: None });
    let retention = command(r#"{"type":"retention","group":5,"days":null}"#);
    assert_eq!(retention, Command::Retention { with: Peer::Group(GroupId(5)), days: None });
}

proptest! {
    #[test]
    fn any_content_survives(content in "[^\u{0}]{1,200}", reference in "[^\u{0}]{1,16}", to in any::<i64>()) {
        let text = json!({"to": to, "content": content, "ref": reference}).to_string();
        let command = Command::Message {
            from: None,
            to: Recipient::Account(AccountId(to)),
            content: Text::from(content),
            files: Vec::new(),
            reply_to: None,
            token: None,
        };
        let expected = Request { reference: Some(reference.into()), command };
        prop_assert_eq!(Request::parse(&text), Ok(expected));
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,300}") {
        let _ = Request::parse(&text);
    }
}
