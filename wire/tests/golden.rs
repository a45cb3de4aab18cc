//! The golden frames: one file each, read here and by whoever writes a client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};
use wire::{AccountId, Code, ErrorFrame, Frame, MessageId, Request, Seq};

fn golden(side: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(side);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap().trim_end().to_owned())
        })
        .collect()
}

fn validator(side: &str) -> Validator {
    let schema = wire::schema();
    let mut of_side = schema["$defs"][side].clone();
    of_side["$schema"] = schema["$schema"].clone();
    jsonschema::validator_for(&of_side).unwrap()
}

#[test]
fn every_client_frame_is_understood_and_fits_the_schema() {
    let validator = validator("client");
    for (name, text) in golden("client") {
        let request = Request::parse(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(validator.is_valid(&value), "{name}: {:?}", validator.iter_errors(&value).next());
        // What was understood says the same again, but for keys nobody knows.
        for (key, said) in serde_json::to_value(&request).unwrap().as_object().unwrap() {
            if key != "type" {
                assert_eq!(Some(said), value.get(key), "{name}: {key}");
            }
        }
    }
}

#[test]
fn every_server_frame_is_said_in_exactly_these_words() {
    let at = 1_790_635_395_000;
    let (id, seq) = (Some(MessageId(77)), Some(Seq(9)));
    let (from, to, content) = (AccountId(2), AccountId(1), "hello");
    let welcome = |id, name: Option<&'static str>| Frame::Welcome {
        id: AccountId(id),
        name: name.map(Into::into),
        seq: name.map(|_| Seq(9)),
        head: name.map(|_| Seq(12)),
        recovered: name.map(|_| true),
        reference: None,
    };
    let error = |code, message: &'static str, reference: Option<&'static str>, retry_after_ms| {
        let reference = reference.map(Into::into);
        Frame::Error(ErrorFrame { code, message: message.into(), reference, retry_after_ms })
    };
    let own = "`from` must be your own id, 2, or be left out";
    let frames = [
        ("welcome-guest", welcome(1, None)),
        ("welcome", welcome(1, Some("Alice"))),
        ("message", Frame::Message { id, seq: Some(Seq(12)), from, to, content, at }),
        ("message-guest", Frame::Message { id: None, seq: None, from, to, content, at }),
        ("sent", Frame::Sent { reference: "c-42", id, seq, at }),
        ("sent-guest", Frame::Sent { reference: "c-42", id: None, seq: None, at }),
        ("ok", Frame::Ok { reference: "r" }),
        ("pong", Frame::Pong { reference: None }),
        ("error", error(Code::Forbidden, own, Some("c-42"), None)),
        (
            "error-rate",
            error(Code::RateLimited, "too many messages; wait and send it again", None, Some(20)),
        ),
    ];
    let validator = validator("server");
    let mut golden = golden("server");
    for (name, frame) in frames {
        let mut said = Vec::new();
        frame.write(&mut said);
        let said = String::from_utf8(said).unwrap();
        assert_eq!(Some(&said), golden.remove(name).as_ref(), "{name}");
        assert!(validator.is_valid(&serde_json::from_str(&said).unwrap()), "{name}");
    }
    assert!(golden.is_empty(), "nobody says {golden:?}");
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.json");
    let now = format!("{:#}\n", wire::schema());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "docs/schema.json is out of date: run UPDATE_GOLDEN=1 cargo test -p wire");
}

#[test]
fn the_schema_refuses_what_the_code_refuses() {
    let validator = validator("client");
    for wrong in [
        json!({"to": 1}),
        json!({"to": "1", "content": "x"}),
        json!({"to": 1, "content": ""}),
        json!({"type": "hello"}),
        json!({"type": "nonsense", "to": 1, "content": "x"}),
        json!({"type": "received", "seq": -1}),
        json!([1]),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
        assert!(Request::parse(&wrong.to_string()).is_err(), "{wrong}");
    }
}
