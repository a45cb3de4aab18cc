use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::error::ErrorCode;
use crate::verb::openapi::OPENAPI;

fn description() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

#[test]
fn the_table_and_the_description_agree() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_owners = !operation["security"].is_null();
            described.insert((path.clone(), method.to_uppercase(), is_owners));
        }
    }
    let line = |route: &Route| {
        let is_owners = !matches!(route.handler, Handler::Anyone(_));
        (route.path.to_owned(), route.method.to_owned(), is_owners)
    };
    assert_eq!(described, ROUTES.iter().map(line).collect());
}

#[test]
fn every_code_is_described() {
    let description = description();
    let listed = &description["components"]["schemas"]["Error"]["properties"]["code"]["enum"];
    let listed: Vec<_> =
        listed.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let ours: Vec<_> = ErrorCode::ALL.iter().map(|code| code.word()).collect();
    let https = [
        "timeout",
        "too_large",
        "head_too_large",
        "foreign_origin",
        "unsupported_media_type",
        "wrong_host",
    ];
    assert_eq!(listed, [&ours[..], &https[..]].concat());
}

#[test]
fn what_web_pages_may_not_do_is_described_wherever_it_holds() {
    for (path, methods) in description()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let rules: &[&str] = if method == "get" { &["421"] } else { &["403", "415", "421"] };
            for status in rules {
                assert!(!operation["responses"][status].is_null(), "{method} {path}: {status}");
            }
        }
    }
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn follow(value: &Value, whole: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    assert!(whole.pointer(&target[1..]).is_some(), "{target}");
                }
                fields.values().for_each(|field| follow(field, whole));
            }
            Value::Array(items) => items.iter().for_each(|item| follow(item, whole)),
            _ => {}
        }
    }
    follow(&description(), &description());
}

#[test]
fn whatever_changes_something_with_a_session_has_a_rate() {
    for route in ROUTES {
        let changes = !matches!(route.method, "GET" | "HEAD");
        let has_session = !matches!(route.handler, Handler::Anyone(_));
        let is_counted = route.rate != Rate::Own;
        assert_eq!(is_counted, changes && has_session, "{} {}", route.method, route.path);
    }
}

#[test]
fn a_placeholder_stands_for_one_segment() {
    for (path, name_of) in [
        ("/sessions/7", "/sessions/{id}"),
        ("/sessions/x", "/sessions/{id}"),
        ("/sessions", "/sessions"),
        ("/sessions/", "(unknown)"),
        ("/sessions/7/8", "(unknown)"),
        ("/me/", "(unknown)"),
        ("/ME", "(unknown)"),
        ("/alice@example.com", "(unknown)"),
        ("/", "/"),
    ] {
        assert_eq!(name(path), name_of, "{path}");
    }
}

/// What the HTTP layer answers, whatever the operation.
#[test]
fn each_operation_names_what_any_request_can_be_answered() {
    let any = ["400", "408", "417", "429", "431", "500", "501", "503", "505"];
    for (path, methods) in description()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let responses = &operation["responses"];
            for status in any {
                assert!(!responses[status].is_null(), "{method} {path}: {status}");
            }
            let route = find(&method.to_uppercase(), path);
            let route = route.unwrap_or_else(|_| panic!("{method} {path} is no route"));
            // The library is given up when it takes too long.
            let has_deadline = route.runs == Runs::Library;
            assert_eq!(!responses["504"].is_null(), has_deadline, "{method} {path}: 504");
        }
    }
}
