//! The names that go with events.

use sql::{Entry, Event, EventBody, GroupAction, Operation, Outcome, Store, Submission};
use wire::{AccountId, Change, GroupId, Seq};

use crate::strangers::{accept, people};
use crate::{act, commit, group, post, post_to};

cases! {
    REQUEST:
    a_message_of_somebody_new_has_their_name,
    a_request_has_the_name_of_who_asks,
    a_member_is_named_to_those_who_came_since,
    a_change_of_a_group_has_the_names_of_its_members,
    nobody_is_told_the_name_of_an_invited_stranger,
    who_has_blocked_makes_no_difference,
}

/// The names that went with a batch to `who`, and those that it reads from its log afterwards: of each event.
fn told(
    store: &Store,
    who: AccountId,
    submissions: Vec<Submission>,
) -> Vec<(Option<String>, Option<String>)> {
    let committed = commit(store, submissions);
    let mut told = Vec::new();
    for event in &committed.events {
        for (_, seq) in event.to.iter().filter(|(account, _)| *account == who) {
            let names = event.names(who).cloned().unwrap_or_default();
            let read = store.events(who, Seq(seq.0 - 1), 1).unwrap().remove(0);
            assert_eq!(read, Event { seq: *seq, body: event.body.clone(), names: names.clone() });
            told.push((names.by, names.member));
        }
    }
    told
}

fn by(name: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), None)
}

fn none() -> (Option<String>, Option<String>) {
    (None, None)
}

fn change(by: AccountId, group: GroupId, action: GroupAction) -> Submission {
    let operation = Operation::ChangeGroup { group, action };
    Submission { by, reference: None, operation }
}

fn said(by: AccountId, group: GroupId) -> Submission {
    Submission { by, reference: None, operation: post_to(group, "hello") }
}

/// They know each other, and none of their names has gone with a message.
fn acquaint(store: &Store, one: AccountId, other: AccountId) {
    crate::strangers::tries(store, one, other);
    act(store, other, accept(one));
}

fn a_message_of_somebody_new_has_their_name(store: &Store) {
    let [alice, bob] = people(store);
    acquaint(store, alice, bob);
    let post = |from, to| post(from, to, "hello", None);
    let two = told(store, alice, vec![post(bob, alice), post(bob, alice)]);
    assert_eq!(two, [by("Bob"), none()], "the first one");
    assert_eq!(told(store, alice, vec![post(bob, alice)]), [none()]);
    assert_eq!(told(store, bob, vec![post(alice, bob)]), [none()], "she was named when she asked");
    assert_eq!(told(store, alice, vec![post(alice, bob)]), [none()], "not to oneself");
    assert_eq!(told(store, alice, vec![post(alice, alice)]), [none()]);
}

fn a_request_has_the_name_of_who_asks(store: &Store) {
    let [alice, bob] = people(store);
    let post = |from, to| post(from, to, "hello", None);
    let requests = told(store, bob, vec![post(alice, bob), post(alice, bob)]);
    assert_eq!(requests, [by("Alice"), by("Alice")]);
    assert_eq!(told(store, alice, vec![post(bob, alice)]), [by("Bob")], "the answer");
}

fn a_member_is_named_to_those_who_came_since(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    for other in [bob, carol, dave] {
        acquaint(store, other, alice);
    }
    let trip = group(store, &[alice, bob, carol]);
    assert_eq!(told(store, carol, vec![said(bob, trip), said(bob, trip)]), [by("Bob"), none()]);
    assert_eq!(told(store, alice, vec![said(bob, trip)]), [none()]);
    let add = vec![change(alice, trip, GroupAction::Add(dave)), said(bob, trip)];
    assert_eq!(told(store, dave, add)[1], by("Bob"));
    assert_eq!(told(store, dave, vec![said(bob, trip)]), [none()]);
    assert_eq!(told(store, carol, vec![said(dave, trip)]), [by("Dave")]);
}

fn a_change_of_a_group_has_the_names_of_its_members(store: &Store) {
    let [alice, bob, carol] = people(store);
    for other in [bob, carol] {
        acquaint(store, other, alice);
    }
    let create = Operation::CreateGroup { name: "Trip".to_owned(), members: vec![bob] };
    let create = vec![Submission { by: alice, reference: None, operation: create }];
    assert_eq!(told(store, bob, create), [by("Alice")]);
    let log = store.events(bob, Seq(0), 9).unwrap().pop().unwrap();
    let EventBody::Entry(Entry::Change(made)) = log.body else { panic!("{log:?}") };
    let trip = made.group;
    let both = |one: &str, other: &str| (Some(one.to_owned()), Some(other.to_owned()));
    let add = || vec![change(alice, trip, GroupAction::Add(carol))];
    assert_eq!(told(store, bob, add()), [both("Alice", "Carol")]);
    let promote = vec![change(alice, trip, GroupAction::Promote(carol))];
    assert_eq!(told(store, carol, promote), [both("Alice", "Carol")]);
    let rename = |name: &str| vec![change(carol, trip, GroupAction::Rename(name.to_owned()))];
    assert_eq!(told(store, bob, rename("Rome")), [by("Carol")]);
    assert_eq!(told(store, carol, rename("Trip")), [none()], "not one's own");
    // Who was removed reads late what it may see then.
    let remove = commit(store, vec![change(carol, trip, GroupAction::Remove(bob))]);
    assert_eq!(remove.events[0].names(bob).unwrap().by.as_deref(), Some("Carol"));
    let late = store.events(bob, Seq(0), 99).unwrap().pop().unwrap();
    assert_eq!(late.names, Default::default());
}

fn nobody_is_told_the_name_of_an_invited_stranger(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    acquaint(store, bob, alice);
    let trip = group(store, &[alice, bob]);
    let invite = || vec![change(alice, trip, GroupAction::Add(carol))];
    assert_eq!(told(store, bob, invite()), [by("Alice")]);
    let heard = store.events(carol, Seq(0), 9).unwrap();
    assert_eq!(heard[0].names.by.as_deref(), Some("Alice"), "the invitation asks her");
    // Dave has asked Alice, so he does not see her name by being invited.
    crate::strangers::tries(store, dave, alice);
    let invite = vec![change(alice, trip, GroupAction::Add(dave))];
    assert_eq!(told(store, dave, invite), [none()]);
    assert_eq!(act(store, dave, Operation::JoinGroup { group: trip }), Outcome::Done);
    let log = store.events(bob, Seq(0), 99).unwrap();
    let joined = log.last().unwrap();
    assert!(
        matches!(&joined.body, EventBody::Entry(Entry::Change(it)) if it.change == Change::Join)
    );
    assert_eq!(joined.names.by.as_deref(), Some("Dave"), "now he is a member");
}

/// A sender cannot tell by anything that comes of it.
fn who_has_blocked_makes_no_difference(store: &Store) {
    let [alice, bob] = people(store);
    acquaint(store, alice, bob);
    act(store, alice, Operation::Block { id: bob });
    let committed = commit(store, vec![post(bob, alice, "hello", None)]);
    assert_eq!(committed.events[0].to.len(), 1);
    assert_eq!(committed.events[0].names(bob), None);
    act(store, alice, Operation::Unblock { id: bob });
    assert_eq!(told(store, alice, vec![post(bob, alice, "hello", None)]), [none()]);
}
