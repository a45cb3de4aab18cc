//! Requests that are refused, and how; where the schema can say it, it refuses them too.

use serde_json::{Value, json};
use wire::{Code, Request};

use crate::golden;

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
        (r#"{"to":"1","content":"x","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1.5,"content":"x"}"#, BadRequest, None),
        (r#"{"to":99999999999999999999,"content":"x"}"#, BadRequest, None),
        (r#"{"to":1,"content":"a\u0000b","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"to":1,"content":"x","ref":""}"#, BadRequest, None),
        (r#"{"to":1,"content":"x","ref":"\u0000"}"#, BadRequest, None),
        (r#"{"to":1,"content":"x","ref":5}"#, BadRequest, None),
        (r#"{"to":1,"to":2,"content":"x"}"#, BadRequest, None),
        (r#"{"type":5,"ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"dance","ref":"r"}"#, UnknownType, with_ref.clone()),
        (r#"{"type":"group.dance","ref":"r"}"#, UnknownType, with_ref.clone()),
        (r#"{"type":"sent","ref":"r"}"#, UnknownType, with_ref.clone()),
        (r#"{"type":"edit","id":1,"content":"a\u0000b","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"react","id":1,"emoji":"\u0000","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"search","text":"a\u0000b","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"report","id":1,"text":"a\u0000b","ref":"r"}"#, BadRequest, with_ref.clone()),
        (r#"{"type":"group.create","name":" ","members":[]}"#, BadRequest, None),
        (r#"{"type":"group.rename","group":5,"name":"a\nb","ref":"r"}"#, BadRequest, with_ref),
    ] {
        assert_eq!(refused(text), (code, reference), "{text}");
    }
}

#[test]
fn a_refusal_never_repeats_what_was_sent() {
    let wrong = Request::parse(r#"{"to":"topsecret","content":"topsecret"}"#).unwrap_err();
    assert!(!wrong.message.contains("topsecret"), "{}", wrong.message);
}

/// One of each kind of mistake that a schema can name.
fn malformed() -> Vec<Value> {
    vec![
        json!([1]),
        json!({}),
        json!({"to": 1}),
        json!({"content": "to whom?"}),
        json!({"to": "1", "content": "x"}),
        json!({"to": 1, "content": ""}),
        json!({"to": 1, "content": 7}),
        json!({"to": 1, "group": 5, "content": "x"}),
        json!({"to": 1, "content": "x", "from": "me"}),
        json!({"to": 1, "content": "x", "reply_to": "77"}),
        json!({"type": "nonsense", "to": 1, "content": "x"}),
        json!({"type": "hello"}),
        json!({"type": "hello", "token": "t", "since": -1}),
        json!({"type": "received"}),
        json!({"type": "received", "seq": -1}),
        json!({"type": "read"}),
        json!({"type": "read", "id": "77"}),
        json!({"type": "edit", "id": 77}),
        json!({"type": "edit", "content": "x"}),
        json!({"type": "edit", "id": 77, "content": ""}),
        json!({"type": "delete"}),
        json!({"type": "delete", "id": 77, "for": "you"}),
        json!({"type": "delete", "id": 77, "for": true}),
        json!({"type": "delete", "for": "me"}),
        json!({"type": "conversation.set", "with": 2}),
        json!({"type": "conversation.set", "pinned": true}),
        json!({"type": "conversation.set", "with": 2, "group": 5, "pinned": true}),
        json!({"type": "conversation.set", "with": 2, "pinned": 1}),
        json!({"type": "conversation.set", "with": 2, "unread": "yes"}),
        json!({"type": "conversation.set", "with": 2, "archived": null}),
        json!({"type": "conversation.set", "with": 2, "muted_until": -1}),
        json!({"type": "conversation.set", "with": 2, "muted_until": "tomorrow"}),
        json!({"type": "conversation.set", "with": 2, "muted_until": 1_i64 << 53}),
        json!({"type": "conversation.clear"}),
        json!({"type": "conversation.clear", "with": 2, "group": 5}),
        json!({"type": "report"}),
        json!({"type": "report", "text": "spam"}),
        json!({"type": "report", "id": 77, "text": 7}),
        json!({"type": "report", "id": 77, "text": "x".repeat(1025)}),
        json!({"type": "react", "id": 77}),
        json!({"type": "react", "emoji": "x"}),
        json!({"type": "react", "id": 77, "emoji": ""}),
        json!({"type": "react", "id": 77, "emoji": 5}),
        json!({"type": "history"}),
        json!({"type": "history", "with": 2, "group": 5}),
        json!({"type": "history", "with": 2, "limit": 0}),
        json!({"type": "history", "with": 2, "before": "77"}),
        json!({"type": "history", "with": 2, "before": 77, "after": 77}),
        json!({"type": "history", "with": 2, "before": 77, "around": 77}),
        json!({"type": "history", "with": 2, "after": 0, "around": 77}),
        json!({"type": "conversations", "limit": 0}),
        json!({"type": "search"}),
        json!({"type": "search", "text": ""}),
        json!({"type": "search", "text": "x".repeat(257)}),
        json!({"type": "search", "text": "x", "limit": -1}),
        json!({"type": "typing"}),
        json!({"type": "typing", "to": 1, "group": 5}),
        json!({"type": "presence"}),
        json!({"type": "presence", "ids": 2}),
        json!({"type": "presence", "ids": ["2"]}),
        json!({"type": "presence", "ids": vec![1; 301]}),
        json!({"type": "block"}),
        json!({"type": "unblock", "id": null}),
        json!({"type": "retention", "with": 2}),
        json!({"type": "retention", "days": 7}),
        json!({"type": "retention", "with": 2, "days": 2}),
        json!({"type": "retention", "with": 2, "days": "7"}),
        json!({"type": "group.create", "members": []}),
        json!({"type": "group.create", "name": "Trip"}),
        json!({"type": "group.create", "name": "", "members": []}),
        json!({"type": "group.create", "name": "Trip", "members": [null]}),
        json!({"type": "group.create", "name": "Trip", "members": vec![1; 1000]}),
        json!({"type": "group.show"}),
        json!({"type": "group.add", "group": 5}),
        json!({"type": "group.add", "member": 4}),
        json!({"type": "group.remove", "group": 5}),
        json!({"type": "group.rename", "group": 5}),
        json!({"type": "group.rename", "group": 5, "name": "x".repeat(101)}),
        json!({"type": "group.leave"}),
        json!({"type": "accept"}),
        json!({"type": "accept", "id": "3"}),
        json!({"type": "accept", "id": 3, "group": 5}),
        json!({"type": "decline"}),
        json!({"type": "decline", "group": "5"}),
        json!({"type": "group.promote", "group": 5}),
        json!({"type": "group.demote", "group": 5, "member": "4"}),
    ]
}

#[test]
fn the_schema_refuses_what_the_code_refuses() {
    let validator = golden::validator("client");
    for mut wrong in malformed() {
        assert!(!validator.is_valid(&wrong), "{wrong:.200}");
        assert!(Request::parse(&wrong.to_string()).is_err(), "{wrong:.200}");
        // Whatever is wrong with it, who sent it learns which it was.
        if wrong.is_object() {
            wrong["ref"] = json!("r");
            assert_eq!(refused(&wrong.to_string()).1.as_deref(), Some("r"), "{wrong:.200}");
        }
    }
}

#[test]
fn every_type_with_keys_is_refused_without_them() {
    let wrong = malformed();
    let takes_nothing = ["ping", "blocks"];
    for kind in golden::kinds("client") {
        let is_tried = wrong.iter().any(|it| it["type"] == *kind) || kind == "message";
        assert!(is_tried || takes_nothing.contains(&&*kind), "{kind} is never malformed");
    }
}
