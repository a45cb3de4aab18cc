//! docs/PROTOCOL.md.

use std::fs;

use serde_json::Value;
use wire::{Close, Code};

use crate::golden;

fn protocol() -> String {
    fs::read_to_string(golden::document("PROTOCOL.md")).unwrap()
}

/// Every whole frame that stands in backticks, or in an indented line after `>` or `<`.
fn examples(text: &str) -> Vec<Value> {
    let quoted = text.split('`').skip(1).step_by(2);
    let spoken = text
        .lines()
        .filter_map(|line| line.strip_prefix("    > ").or_else(|| line.strip_prefix("    < ")));
    // A remark may stand behind a frame.
    let first = |text: &str| serde_json::Deserializer::from_str(text).into_iter().next()?.ok();
    let is_frame = |text: &&str| text.starts_with('{') && !text.contains('…');
    quoted.filter(is_frame).chain(spoken).filter_map(first).collect()
}

#[test]
fn every_type_has_an_example_and_every_example_is_right() {
    let examples = examples(&protocol());
    let mut kinds = Vec::new();
    for side in ["client", "server"] {
        let validator = golden::validator(side);
        let valid = examples.iter().filter(|it| validator.is_valid(it));
        kinds.push(valid.map(|it| it["type"].as_str().unwrap_or("message")).collect::<Vec<_>>());
    }
    let frame = golden::validator("frame");
    for example in &examples {
        assert!(frame.is_valid(example), "no such frame: {example}");
    }
    for (side, kinds) in ["client", "server"].into_iter().zip(kinds) {
        for kind in golden::kinds(side) {
            assert!(kinds.contains(&&*kind), "no example of {kind} ({side})");
        }
    }
}

#[test]
fn every_error_code_and_close_code_is_explained() {
    let text = protocol();
    let section = |title: &str| {
        let rest = text.split(&format!("\n## {title}\n")).nth(1).unwrap();
        rest.split("\n## ").next().unwrap().to_owned()
    };
    let (errors, closes) = (section("Errors"), section("Closes"));
    for code in Code::ALL {
        assert!(errors.contains(&format!("\n| `{}` | ", code.as_str())), "{}", code.as_str());
    }
    for close in Close::ALL {
        assert!(closes.contains(close.as_str()), "{}", close.as_str());
    }
}
