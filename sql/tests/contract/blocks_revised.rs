//! Edits, deletions and reactions that a block withholds.

use sql::{Batch, Entry, EventBody, GroupAction, Message, Operation, Outcome, Store, Submission};
use wire::limit::REACTIONS_LISTED_MAX;
use wire::{AccountId, GroupId, MessageId, Peer, Seq};

use crate::blocks::texts;
use crate::revise::{edit, react};
use crate::{NOW, account, act, act_at, events, export, group, post_to, say};

const DAY: i64 = 24 * 60 * 60 * 1000;
const END: MessageId = MessageId(i64::MAX);

cases! {
    OPEN, const ALL:
    what_had_arrived_is_read_as_it_was,
    one_of_many_reads_what_it_had,
    the_same_text_again_brings_nothing,
    a_reaction_made_during_a_block_never_comes,
    a_reaction_comes_with_its_next_change,
    who_never_had_a_reaction_does_not_hear_of_its_end,
    a_reaction_stays_hidden_from_who_has_left,
    what_is_withheld_takes_no_place_among_the_latest,
}

/// The only message between the two, as `who` reads it.
fn only(store: &Store, who: AccountId, other: AccountId) -> Message {
    let mut found = store.history(who, Peer::Account(other), END, 9).unwrap().unwrap();
    assert_eq!(found.len(), 1);
    let listed = store.conversations(who, END, 9).unwrap().remove(0);
    assert_eq!(listed.last.as_ref(), Some(&found[0]), "the list has it as the history does");
    let EventBody::Entry(Entry::Message(told)) = events(store, who, Seq(0)).remove(0) else {
        panic!()
    };
    assert_eq!(told, found[0], "so has a log that is read late");
    assert_eq!(export::messages(store, who)[0].1, told.content, "so has the export");
    found.remove(0)
}

fn finds(store: &Store, who: AccountId, text: &str) -> bool {
    !store.search(who, text, END, 9).unwrap().is_empty()
}

fn what_had_arrived_is_read_as_it_was(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let read = |who, other| {
        let message = only(store, who, other);
        (message.content, message.edited_at.map(|at| at - NOW))
    };
    let id = say(store, bob, alice, "first words", "1").id;
    act_at(store, bob, edit(id, "second words"), NOW + 2);
    act(store, alice, Operation::Block { id: bob });
    assert_eq!(act_at(store, bob, edit(id, "second words"), NOW + 3), Outcome::Unchanged);
    assert!(finds(store, alice, "second"));
    let second = ("second words".to_owned(), Some(2));
    for (text, at) in [("third words", 3), ("fourth words", 4)] {
        assert_eq!(act_at(store, bob, edit(id, text), NOW + at), Outcome::Done);
        assert_eq!(read(alice, bob), second);
    }
    assert_eq!(read(bob, alice), ("fourth words".to_owned(), Some(4)), "he cannot tell");
    assert!(finds(store, bob, "fourth"));
    act(store, alice, Operation::Unblock { id: bob });
    assert_eq!(read(alice, bob), second, "not afterwards either");
    assert!(!finds(store, alice, "fourth"), "found by words that she cannot see");
    let told = EventBody::Edit { id, content: second.0 };
    assert_eq!(events(store, alice, Seq(1))[0], told, "in a log that is read late");

    act_at(store, bob, edit(id, "fifth words"), NOW + 5);
    assert_eq!(read(alice, bob), ("fifth words".to_owned(), Some(5)));
    assert!(finds(store, alice, "fifth"));
    act(store, alice, Operation::Block { id: bob });
    act_at(store, bob, edit(id, "sixth words"), NOW + 6);
    assert_eq!(read(alice, bob).0, "fifth words", "each block keeps what it began with");
    act(store, bob, Operation::Delete { id });
    let gone = only(store, alice, bob);
    assert_eq!((gone.content.as_str(), gone.deleted), ("", true), "deleted for everybody");
}

fn one_of_many_reads_what_it_had(store: &Store) {
    let people = ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    let [alice, bob, carol, dave] = people;
    let trip = group(store, &people);
    act(store, bob, post_to(trip, "old"));
    let id = store.history(bob, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, alice, Operation::Block { id: bob });
    act(store, dave, Operation::Block { id: bob });
    act(store, bob, post_to(trip, "hidden"));
    let hidden = store.history(bob, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, bob, edit(id, "new"));
    act(store, bob, edit(hidden, "hidden still"));
    assert_eq!(texts(store, alice, Peer::Group(trip)), ["old"]);
    assert_eq!(texts(store, carol, Peer::Group(trip)), ["new", "hidden still"]);
    // The next text comes to the one who has unblocked him, and not to the other.
    act(store, dave, Operation::Unblock { id: bob });
    act(store, bob, edit(id, "newer"));
    assert_eq!(texts(store, alice, Peer::Group(trip)), ["old"]);
    assert_eq!(texts(store, dave, Peer::Group(trip)), ["newer"]);
    // Who has left reads no text of later, nor the one of before.
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Leave });
    act(store, bob, edit(id, "newest"));
    assert!(texts(store, alice, Peer::Group(trip)).is_empty());
}

fn the_same_text_again_brings_nothing(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, _] = people;
    let id = say(store, bob, alice, "first", "1").id;
    let trip = group(store, &people);
    act(store, bob, post_to(trip, "first"));
    let in_trip = store.history(bob, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, alice, Operation::Block { id: bob });
    for id in [id, in_trip] {
        act(store, bob, edit(id, "second"));
    }
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Leave });
    assert_eq!(act(store, bob, edit(in_trip, "second")), Outcome::Unchanged);
    assert_eq!(texts(store, alice, Peer::Group(trip)), ["first"], "and she has left");
    act(store, alice, Operation::Unblock { id: bob });
    assert_eq!(act(store, bob, edit(id, "second")), Outcome::Unchanged);
    assert_eq!(texts(store, alice, Peer::Account(bob)), ["first"], "no event, no text");
}

fn emojis(store: &Store, who: AccountId, id: MessageId) -> Vec<String> {
    let found = store.reactions(who, [id].into_iter()).unwrap().remove(&id).unwrap_or_default();
    found.into_iter().map(|reaction| reaction.emoji).collect()
}

/// In a group of three; its members, itself, the message.
fn carol_says_hello(store: &Store) -> ([AccountId; 3], GroupId, MessageId) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [_, bob, carol] = people;
    let trip = group(store, &people);
    act(store, carol, post_to(trip, "hello"));
    let id = store.history(bob, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    (people, trip, id)
}

fn a_reaction_made_during_a_block_never_comes(store: &Store) {
    let ([alice, bob, carol], _, id) = carol_says_hello(store);
    let other = say(store, alice, bob, "hello", "1").id;
    act(store, bob, react(other, Some("👍")));
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, react(id, Some("👍")));
    assert_eq!(emojis(store, carol, id), ["👍"]);
    for operation in
        [None, Some(Operation::Unblock { id: bob }), Some(Operation::Block { id: bob })]
    {
        operation.map(|operation| act(store, alice, operation));
        assert!(emojis(store, alice, id).is_empty(), "made during the block");
        assert_eq!(emojis(store, alice, other), ["👍"], "had arrived");
    }
}

fn a_reaction_comes_with_its_next_change(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let ids = ["1", "2", "3"].map(|text| say(store, alice, bob, text, text).id);
    for id in &ids[..2] {
        act(store, bob, react(*id, Some("👍")));
    }
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, react(ids[0], Some("🎉")));
    act(store, bob, react(ids[1], None));
    act(store, bob, react(ids[2], Some("👍")));
    act(store, alice, Operation::Unblock { id: bob });
    assert!(ids.iter().all(|id| emojis(store, alice, *id).is_empty()), "changed, gone, new");
    let none = EventBody::React { id: ids[0], by: bob, emoji: None };
    assert_eq!(events(store, alice, Seq(3))[0], none, "in a log that is read late");
    act(store, bob, react(ids[2], Some("👍")));
    assert!(emojis(store, alice, ids[2]).is_empty(), "the same again is no change");
    act(store, bob, react(ids[2], None));
    for id in ids {
        act(store, bob, react(id, Some("🦜")));
        assert_eq!(emojis(store, alice, id), ["🦜"]);
    }
}

fn who_never_had_a_reaction_does_not_hear_of_its_end(store: &Store) {
    let ([alice, bob, carol], _, id) = carol_says_hello(store);
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, react(id, Some("👍")));
    act(store, alice, Operation::Unblock { id: bob });
    let before = events(store, alice, Seq(0));
    assert_eq!(act(store, bob, react(id, None)), Outcome::Done);
    assert_eq!(events(store, alice, Seq(0)), before);
    let none = EventBody::React { id, by: bob, emoji: None };
    assert_eq!(events(store, carol, Seq(0)).pop(), Some(none), "who had it hears of it");
    act(store, bob, react(id, Some("🎉")));
    assert_eq!(emojis(store, alice, id), ["🎉"]);
}

fn a_reaction_stays_hidden_from_who_has_left(store: &Store) {
    let ([alice, bob, _], trip, id) = carol_says_hello(store);
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, react(id, Some("👍")));
    let leave = Operation::ChangeGroup { group: trip, action: GroupAction::Leave };
    act_at(store, alice, leave, NOW + 9);
    // By the clock of a node that is behind.
    for emoji in [Some("🎉"), None, Some("👍")] {
        act_at(store, bob, react(id, emoji), NOW + 5);
        assert!(emojis(store, alice, id).is_empty(), "{emoji:?}");
    }
}

fn what_is_withheld_takes_no_place_among_the_latest(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let others: Vec<_> = (0..REACTIONS_LISTED_MAX).map(|_| account(store, "Somebody")).collect();
    let people: Vec<_> = [alice, bob].iter().chain(&others).copied().collect();
    let trip = group(store, &people);
    act(store, alice, post_to(trip, "hello"));
    let id = store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, bob, react(id, Some("👍")));
    let each = |operation: &dyn Fn(AccountId) -> (AccountId, Operation)| {
        let act = |(by, operation)| Submission { by, reference: None, operation };
        let submissions = others.iter().map(|other| act(operation(*other))).collect();
        store.commit(&Batch { submissions, ..Batch::default() }, NOW + 1).unwrap();
    };
    each(&|id| (alice, Operation::Block { id }));
    each(&|by| (by, react(id, Some("🎉"))));
    assert_eq!(emojis(store, alice, id), ["👍"]);
    assert_eq!(emojis(store, bob, id), vec!["🎉"; REACTIONS_LISTED_MAX], "the latest");
}

/// `count` says how many texts and reactions are withheld in the whole database.
pub fn what_is_withheld_goes_with_its_cause(store: &Store, mut count: impl FnMut() -> i64) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let mut withhold = |text: &str| {
        act(store, alice, Operation::Unblock { id: bob });
        let id = say(store, bob, alice, text, text).id;
        act(store, alice, Operation::Block { id: bob });
        act(store, bob, edit(id, "changed"));
        act(store, bob, react(id, Some("👍")));
        assert_eq!(count(), 2, "{text}, and nothing of before");
        id
    };
    let id = withhold("deleted by its sender");
    act(store, bob, Operation::Delete { id });
    withhold("expires");
    let retain = |days| Operation::SetRetention { with: Peer::Account(bob), days };
    act(store, alice, retain(Some(1)));
    store.expire_messages(NOW + 2 * DAY).unwrap();
    act(store, alice, retain(None));
    let id = withhold("comes after all");
    act(store, alice, Operation::Unblock { id: bob });
    act(store, bob, edit(id, "changed again"));
    act(store, bob, react(id, None));
    withhold("of who deletes their accounts");
    store.delete_account(bob, NOW).unwrap();
    assert_eq!(count(), 1, "the text stays with who got it");
    store.delete_account(alice, NOW).unwrap();
    assert_eq!(count(), 0);
}
