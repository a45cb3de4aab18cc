//! docs/asyncapi.json.

use serde_json::Value;

use crate::golden;

#[test]
fn the_document_in_the_repository_is_the_one_of_the_types() {
    golden::is_current("asyncapi.json", &wire::asyncapi());
}

#[test]
fn every_reference_leads_to_a_part_of_the_document_itself() {
    let document = wire::asyncapi();
    let mut count = 0;
    references(&document, &mut |to| {
        let pointer = to.strip_prefix('#').unwrap_or_else(|| panic!("{to} is another document"));
        assert!(document.pointer(pointer).is_some(), "{to}");
        count += 1;
    });
    assert!(count > 0);
}

#[test]
fn every_type_is_said_by_somebody() {
    let document = wire::asyncapi();
    let mut said = Vec::new();
    references(&document["operations"], &mut |to| said.push(to.to_owned()));
    for side in ["client", "server"] {
        for kind in golden::kinds(side) {
            let message = format!("#/channels/chat/messages/{side}.{kind}");
            assert!(said.contains(&message), "no operation has {side}.{kind}");
        }
    }
}

fn references(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(keys) => {
            if let Some(to) = keys.get("$ref").and_then(Value::as_str) {
                visit(to);
            }
            keys.values().for_each(|value| references(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, visit)),
        _ => {}
    }
}
