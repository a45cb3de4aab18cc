//! docs/schema.json.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wire::Code;

use crate::golden;

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    golden::is_current("schema.json", &wire::schema());
}

#[test]
fn every_error_code_is_in_it() {
    let schema = wire::schema();
    let code = &schema["$defs"]["server.error"]["properties"]["code"];
    let words: BTreeSet<_> = code["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["const"])
        .map(Value::as_str)
        .collect();
    assert_eq!(words, Code::ALL.iter().map(|code| Some(code.as_str())).collect());
}

/// `ajv-formats` has no other format for integers, and ajv's strict mode refuses what it does not know.
#[test]
fn every_format_is_one_that_validators_know() {
    fn look(value: &Value) {
        match value {
            Value::Object(keys) => {
                if let Some(format) = keys.get("format").and_then(Value::as_str) {
                    assert_eq!(format, "int64");
                }
                keys.values().for_each(look);
            }
            Value::Array(items) => items.iter().for_each(look),
            _ => {}
        }
    }
    look(&wire::schema());
}

#[test]
fn a_server_leaves_out_what_is_not_there_and_null_says_something() {
    let validator = golden::validator("server");
    let react = |emoji| json!({"type": "react", "seq": 1, "id": 77, "by": 1, "emoji": emoji});
    assert!(validator.is_valid(&react(Value::Null)));
    assert!(!validator.is_valid(&json!({"type": "react", "seq": 1, "id": 77, "by": 1})));
    assert!(!validator.is_valid(&json!({"type": "pong", "ref": null})));
    let page = |message: Value| json!({"type": "history", "messages": [message], "more": false});
    assert!(validator.is_valid(&page(json!({"from": 2, "to": 1, "content": "x", "at": 5}))));
    assert!(!validator.is_valid(&page(json!({"from": 2, "to": null, "content": "x", "at": 5}))));
}
