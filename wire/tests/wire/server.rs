//! What the server says, in exactly these words.

mod answer;
mod event;

use serde_json::Value;
use wire::{AccountId, Frame, GroupId, MessageId};

use crate::golden;

/// The time of everything that has one.
const AT: i64 = 1_790_635_395_000;
const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const CAROL: AccountId = AccountId(3);
const TRIP: GroupId = GroupId(5);
/// The message that most frames are about.
const ID: MessageId = MessageId(77);

/// A frame by the name of its golden file.
type Named = (&'static str, Frame<'static>);

fn all() -> impl Iterator<Item = Named> {
    event::all().into_iter().chain(answer::all())
}

#[test]
fn every_frame_is_said_in_exactly_these_words() {
    let validator = golden::validator("server");
    let mut golden = golden::frames("server");
    for (name, frame) in all() {
        let mut said = Vec::new();
        frame.write(&mut said);
        let said = String::from_utf8(said).unwrap();
        assert_eq!(Some(&said), golden.remove(name).as_ref(), "{name}");
        let value = serde_json::from_str(&said).unwrap();
        assert!(validator.is_valid(&value), "{name}: {:?}", validator.iter_errors(&value).next());
    }
    assert!(golden.is_empty(), "nobody says {golden:?}");
}

#[test]
fn every_type_has_a_golden_frame() {
    let said = |(_, frame): Named| serde_json::to_value(frame).unwrap()["type"].take();
    let said: Vec<Value> = all().map(said).collect();
    for kind in golden::kinds("server") {
        assert!(said.iter().any(|it| *it == kind), "no golden frame of {kind}");
    }
}
