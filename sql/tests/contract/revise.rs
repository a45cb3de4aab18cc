use sql::{Batch, Entry, EventBody, GroupAction, Operation, Outcome, Store, Submission};
use wire::limit::EDIT_WINDOW_MS;
use wire::{AccountId, Code, MessageId, Peer, Seq};

use crate::{NOW, account, act, act_at, code, events, group, post_to, say};

cases! {
    OPEN, const ALL:
    an_edit_is_an_event_and_changes_what_is_read_back,
    a_deleted_message_has_no_text_anywhere,
    only_the_sender_and_not_for_long,
    one_reaction_a_person,
    who_left_does_not_read_the_new_text,
    who_came_back_does_not_read_it_either,
    a_reaction_does_not_outlive_a_deletion_of_the_same_moment,
}

pub fn edit(id: MessageId, content: &str) -> Operation {
    Operation::Edit { id, content: content.to_owned() }
}

pub fn react(id: MessageId, emoji: Option<&str>) -> Operation {
    Operation::React { id, emoji: emoji.map(str::to_owned) }
}

fn history(store: &Store, who: AccountId, with: Peer) -> Vec<(String, bool)> {
    let found = store.history(who, with, MessageId(i64::MAX), 100).unwrap().unwrap();
    found.into_iter().map(|message| (message.content, message.deleted)).collect()
}

fn an_edit_is_an_event_and_changes_what_is_read_back(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "helo", "r").id;
    assert_eq!(act(store, alice, edit(id, "helo")), Outcome::Unchanged);
    assert_eq!(act_at(store, alice, edit(id, "hello"), NOW + 7), Outcome::Done);
    for who in [alice, bob] {
        let what = events(store, who, Seq(0));
        let EventBody::Entry(Entry::Message(message)) = &what[0] else { panic!("{what:?}") };
        assert_eq!((&*message.content, message.edited_at), ("hello", Some(NOW + 7)));
        assert_eq!(what[1..], [EventBody::Edit { id, content: "hello".to_owned() }]);
    }
    assert_eq!(history(store, bob, Peer::Account(alice)), [("hello".to_owned(), false)]);
    assert_eq!(store.search(bob, "hello", MessageId(i64::MAX), 9).unwrap().len(), 1);
    assert!(store.search(bob, "helo", MessageId(i64::MAX), 9).unwrap().is_empty());
}

fn a_deleted_message_has_no_text_anywhere(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "unspeakable", "r").id;
    act(store, bob, react(id, Some("👍")));
    assert_eq!(act(store, alice, Operation::Delete { id }), Outcome::Done);
    assert_eq!(act(store, alice, Operation::Delete { id }), Outcome::Unchanged);
    assert_eq!(history(store, bob, Peer::Account(alice)), [(String::new(), true)]);
    assert!(store.search(bob, "unspeakable", MessageId(i64::MAX), 9).unwrap().is_empty());
    assert!(store.reactions(alice, [id].into_iter()).unwrap().is_empty());
    assert!(!format!("{:?}", events(store, bob, Seq(0))).contains("unspeakable"));
    assert_eq!(code(&act(store, alice, edit(id, "again"))), Some(Code::TooLate));
    assert_eq!(code(&act(store, bob, react(id, Some("👍")))), Some(Code::TooLate));
}

fn only_the_sender_and_not_for_long(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "r").id;
    for operation in [edit(id, "x"), Operation::Delete { id }] {
        assert_eq!(code(&act(store, bob, operation.clone())), Some(Code::Forbidden));
        assert_eq!(code(&act(store, carol, operation.clone())), Some(Code::NotFound));
        let late = act_at(store, alice, operation, NOW + EDIT_WINDOW_MS + 1);
        assert_eq!(code(&late), Some(Code::TooLate));
    }
    assert_eq!(code(&act(store, carol, react(id, Some("x")))), Some(Code::NotFound));
    assert_eq!(act_at(store, alice, edit(id, "in time"), NOW + EDIT_WINDOW_MS), Outcome::Done);
}

fn one_reaction_a_person(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "r").id;
    assert_eq!(act(store, bob, react(id, None)), Outcome::Unchanged);
    assert_eq!(act(store, bob, react(id, Some("👍"))), Outcome::Done);
    assert_eq!(act(store, bob, react(id, Some("👍"))), Outcome::Unchanged);
    assert_eq!(act_at(store, bob, react(id, Some("🎉")), NOW + 1), Outcome::Done);
    assert_eq!(act_at(store, alice, react(id, Some("👍")), NOW + 2), Outcome::Done);
    let reactions = &store.reactions(alice, [id].into_iter()).unwrap()[&id];
    let listed: Vec<_> = reactions.iter().map(|it| (it.by, &*it.emoji)).collect();
    assert_eq!(listed, [(alice, "👍"), (bob, "🎉")], "the latest first");
    assert_eq!(act(store, bob, react(id, None)), Outcome::Done);
    // An event read back late says what is so now.
    let none = EventBody::React { id, by: bob, emoji: None };
    let some = EventBody::React { id, by: alice, emoji: Some("👍".to_owned()) };
    assert_eq!(events(store, alice, Seq(1)), [none.clone(), none.clone(), some, none]);
}

fn who_left_does_not_read_the_new_text(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, post_to(trip, "the old text"));
    let leave = Operation::ChangeGroup { group: trip, action: sql::GroupAction::Leave };
    assert_eq!(act(store, bob, leave), Outcome::Done);
    let found = store.history(alice, Peer::Group(trip), MessageId(i64::MAX), 1).unwrap().unwrap();
    act(store, alice, edit(found[0].id, "the new text"));
    assert_eq!(history(store, carol, Peer::Group(trip)), [("the new text".to_owned(), false)]);
    assert!(history(store, bob, Peer::Group(trip)).is_empty());
    assert!(store.search(bob, "text", MessageId(i64::MAX), 9).unwrap().is_empty());
    assert_eq!(events(store, bob, Seq(1))[0], EventBody::Expired);
}

fn who_came_back_does_not_read_it_either(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    act(store, alice, post_to(trip, "the old text"));
    let found = store.history(alice, Peer::Group(trip), MessageId(i64::MAX), 1).unwrap().unwrap();
    for action in [GroupAction::Remove(bob), GroupAction::Add(bob)] {
        act(store, alice, Operation::ChangeGroup { group: trip, action });
    }
    act(store, bob, Operation::JoinGroup { group: trip });
    act(store, alice, edit(found[0].id, "the new text"));
    assert_eq!(events(store, bob, Seq(1))[0], EventBody::Expired);
}

fn a_reaction_does_not_outlive_a_deletion_of_the_same_moment(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "r").id;
    let submissions = [(alice, Operation::Delete { id }), (bob, react(id, Some("👍")))];
    let submissions =
        submissions.map(|(by, operation)| Submission { by, reference: None, operation }).to_vec();
    let outcomes = store.commit(&Batch { submissions, ..Batch::default() }, NOW).unwrap().outcomes;
    assert_eq!(outcomes[0], Outcome::Done);
    assert_eq!(code(&outcomes[1]), Some(Code::TooLate));
    assert!(store.reactions(bob, [id].into_iter()).unwrap().is_empty());
}
