//! What a client may say: one file each, read here and by whoever writes a client or a server.

use serde_json::Value;
use wire::Request;

use crate::golden;

#[test]
fn every_golden_frame_is_understood_and_fits_the_schema() {
    let validator = golden::validator("client");
    for (name, text) in golden::frames("client") {
        let request = Request::parse(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(validator.is_valid(&value), "{name}: {:?}", validator.iter_errors(&value).next());
        // What was understood says the same again, but for keys nobody knows.
        assert_eq!(request.reference.as_deref(), value["ref"].as_str(), "{name}");
        for (key, said) in serde_json::to_value(&request.command).unwrap().as_object().unwrap() {
            if key != "type" {
                assert_eq!(Some(said), value.get(key), "{name}: {key}");
            }
        }
    }
}

#[test]
fn every_type_has_a_golden_frame() {
    let frames = golden::frames("client");
    let said = |text: &String| {
        let command = serde_json::to_value(Request::parse(text).unwrap().command).unwrap();
        command["type"].as_str().unwrap().to_owned()
    };
    let said: Vec<String> = frames.values().map(said).collect();
    for kind in golden::kinds("client") {
        assert!(said.contains(&kind), "no golden frame of {kind}");
    }
}
