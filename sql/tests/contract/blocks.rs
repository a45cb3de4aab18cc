use sql::{
    Batch, ContactStatus, Entry, EventBody, GroupAction, Message, Operation, Outcome, Store,
    Submission,
};
use wire::limit::{BLOCKS_MAX, REACTIONS_LISTED_MAX};
use wire::{AccountId, Code, GroupId, MessageId, Peer, Seq};

use crate::revise::{edit, react};
use crate::{NOW, account, act, act_at, code, commit, events, export, group, post, post_to, say};

const DAY: i64 = 24 * 60 * 60 * 1000;
const END: MessageId = MessageId(i64::MAX);

pub fn suite(store: &Store) {
    nothing_of_the_blocked_arrives_then_or_later(store);
    a_block_reaches_into_groups(store);
    each_post_of_a_batch_meets_its_own_blocks(store);
    who_may_know_of_whom(store);
    nothing_betrays_a_block(store);
    so_many_may_be_blocked(store);
    what_had_arrived_is_read_as_it_was(store);
    one_of_many_reads_what_it_had(store);
    the_same_text_again_brings_nothing(store);
    a_reaction_made_during_a_block_never_comes(store);
    a_reaction_comes_with_its_next_change(store);
    who_never_had_a_reaction_does_not_hear_of_its_end(store);
    a_reaction_stays_hidden_from_who_has_left(store);
    what_is_withheld_takes_no_place_among_the_latest(store);
    who_is_blocked_sees_marks_as_they_were(store);
    nobody_blocked_hears_that_all_have_come(store);
    what_is_withheld_is_passed_over(store);
    what_is_withheld_costs_nothing_lasting(store);
}

fn texts(store: &Store, who: AccountId, with: Peer) -> Vec<String> {
    let found = store.history(who, with, MessageId(i64::MAX), 100).unwrap().unwrap();
    found.into_iter().rev().map(|message| message.content).collect()
}

fn nothing_of_the_blocked_arrives_then_or_later(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let old = say(store, alice, bob, "old", "1");
    assert_eq!(act(store, alice, Operation::Block { id: bob }), Outcome::Done);
    assert_eq!(act(store, alice, Operation::Block { id: bob }), Outcome::Unchanged);
    assert_eq!(code(&act(store, alice, Operation::Block { id: alice })), Some(Code::BadRequest));
    let nobody = Operation::Block { id: AccountId(i64::MAX) };
    assert_eq!(code(&act(store, alice, nobody)), Some(Code::NotFound));
    assert_eq!(store.blocks(alice).unwrap(), [bob]);

    // Done for him, and no sign of it for her.
    let post = act(store, bob, crate::post(bob, alice, "hidden", None).operation);
    assert_eq!(post, Outcome::Done);
    for operation in [
        Operation::React { id: old.id, emoji: Some("👍".to_owned()) },
        Operation::Read { id: old.id },
    ] {
        assert_eq!(act(store, bob, operation), Outcome::Done);
    }
    act(store, bob, Operation::Received { seq: Seq(9) });
    assert_eq!(events(store, alice, Seq(1)), [EventBody::Block { id: bob, at: None }]);
    act(store, alice, Operation::Received { seq: Seq(9) });
    assert_eq!(events(store, bob, Seq(0)).len(), 4, "his own four, and no receipt");

    assert_eq!(act(store, alice, Operation::Unblock { id: bob }), Outcome::Done);
    assert_eq!(act(store, alice, Operation::Unblock { id: bob }), Outcome::Unchanged);
    say(store, bob, alice, "new", "2");
    assert_eq!(texts(store, alice, Peer::Account(bob)), ["old", "new"]);
    assert_eq!(texts(store, bob, Peer::Account(alice)), ["old", "hidden", "new"]);
    assert!(store.search(alice, "hidden", MessageId(i64::MAX), 9).unwrap().is_empty());
    assert_eq!(store.conversations(alice, MessageId(i64::MAX), 9).unwrap()[0].unread, 1);
    let id =
        store.history(bob, Peer::Account(alice), MessageId(i64::MAX), 9).unwrap().unwrap()[1].id;
    assert_eq!(code(&act(store, alice, Operation::Read { id })), Some(Code::NotFound));
}

fn a_block_reaches_into_groups(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, post_to(trip, "from Bob"));
    act(store, carol, post_to(trip, "from Carol"));
    assert_eq!(texts(store, alice, Peer::Group(trip)), ["from Carol"]);
    assert_eq!(texts(store, carol, Peer::Group(trip)), ["from Bob", "from Carol"]);
    let listeners = store.listeners(bob, trip).unwrap();
    assert!(listeners.contains(&carol) && !listeners.contains(&alice));
    let listeners = store.listeners(alice, trip).unwrap();
    assert!(listeners.contains(&carol) && !listeners.contains(&bob), "for him she is away");
    // It is never said to be with everybody: for him she is away.
    for who in [alice, carol] {
        act(store, who, Operation::Received { seq: Seq(99) });
    }
    let all = |what: &EventBody| matches!(what, EventBody::Delivered(receipt) if receipt.all);
    assert!(!events(store, bob, Seq(0)).iter().any(all));
}

fn each_post_of_a_batch_meets_its_own_blocks(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, Operation::Block { id: bob });
    act(store, carol, Operation::Block { id: alice });
    // The first makes the conversations, the second finds them.
    for _ in 0..2 {
        let to_trip =
            Submission { by: bob, reference: None, operation: post_to(trip, "Bob to all") };
        let posts = vec![
            post(bob, alice, "Bob to Alice", None),
            post(alice, bob, "Alice to Bob", None),
            to_trip,
            post(alice, carol, "Alice to Carol", None),
            post(carol, alice, "Carol to Alice", None),
            post(bob, bob, "Bob to Bob", None),
        ];
        let committed = commit(store, posts);
        assert!(committed.outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    }
    for (who, with, expected) in [
        (alice, Peer::Account(bob), vec!["Alice to Bob"]),
        (bob, Peer::Account(alice), vec!["Bob to Alice", "Alice to Bob"]),
        (alice, Peer::Account(carol), vec!["Alice to Carol", "Carol to Alice"]),
        (carol, Peer::Account(alice), vec!["Carol to Alice"]),
        (bob, Peer::Account(bob), vec!["Bob to Bob"]),
        (alice, Peer::Group(trip), vec![]),
        (carol, Peer::Group(trip), vec!["Bob to all"]),
    ] {
        assert_eq!(texts(store, who, with), expected.repeat(2), "{who:?} {with:?}");
    }
}

fn who_may_know_of_whom(store: &Store) {
    let [alice, bob, carol, dave] =
        ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    say(store, alice, bob, "hello", "1");
    group(store, &[alice, carol]);
    let disconnections = vec![(bob, NOW + 5)];
    let batch = Batch { disconnections, ..Batch::default() };
    store.commit(&batch, NOW + 5).unwrap();
    let known = |store: &Store| store.contact_statuses(alice, &[bob, carol, dave]).unwrap();
    assert_eq!(known(store).get(&bob), Some(&ContactStatus::Known(Some(NOW + 5))));
    assert_eq!(known(store).get(&carol), Some(&ContactStatus::Known(None)));
    assert_eq!(
        known(store).get(&dave),
        Some(&ContactStatus::Known(None)),
        "everybody knows everybody"
    );
    act(store, bob, Operation::Block { id: alice });
    assert_eq!(known(store).get(&bob), Some(&ContactStatus::Blocked(Some(NOW))));
}

fn nothing_betrays_a_block(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    let old = say(store, bob, alice, "before", "1").id;
    act(store, alice, Operation::Block { id: bob });
    act(store, bob, post_to(trip, "hidden"));
    act(store, carol, post_to(trip, "seen"));
    let before = events(store, bob, Seq(0));
    act(store, alice, Operation::Received { seq: Seq(99) });
    act(store, alice, Operation::Read { id: old });
    assert_eq!(events(store, bob, Seq(0)), before, "no receipt, as from somebody away");
    // For how long messages are kept is theirs together; she only does not hear of it.
    let listed = || {
        let mut all = store.conversations(alice, MessageId(i64::MAX), 9).unwrap();
        all.retain(|it| it.with == Peer::Account(bob));
        (all[0].activity, all[0].days)
    };
    let (activity, days) = listed();
    assert_eq!(days, None);
    let before = events(store, alice, Seq(0));
    let retain = Operation::SetRetention { with: Peer::Account(alice), days: Some(7) };
    assert_eq!(act(store, bob, retain.clone()), Outcome::Done);
    assert_eq!(act(store, bob, retain), Outcome::Unchanged, "as it would be without a block");
    let told = events(store, bob, Seq(0)).pop();
    assert!(
        matches!(&told, Some(EventBody::Entry(Entry::Retention(it))) if it.days == Some(7)),
        "{told:?}"
    );
    assert_eq!(events(store, alice, Seq(0)), before);
    assert_eq!(listed(), (activity, Some(7)));
    for kept in store.exported_conversations(alice, 0, 9).unwrap() {
        let entries = store.exported_entries(alice, kept.number, MessageId(0), 9).unwrap();
        assert!(!entries.iter().any(|kept| matches!(kept.entry, Entry::Retention(_))));
    }
}

/// How far `other` has come in a group and with `who` alone, as `who` sees it.
fn marks(store: &Store, who: AccountId, other: AccountId, group: GroupId) -> [MessageId; 4] {
    let members = store.group(who, group).unwrap().unwrap().members;
    let member = members.into_iter().find(|member| member.id == other).unwrap();
    let mut listed = store.conversations(who, END, 9).unwrap();
    listed.retain(|it| it.with == Peer::Account(other));
    let (delivered, read) = listed[0].other.unwrap();
    [member.delivered, member.read, delivered, read]
}

fn who_is_blocked_sees_marks_as_they_were(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    let old = say(store, alice, bob, "hers", "1").id;
    say(store, bob, alice, "his", "2");
    act(store, carol, post_to(trip, "before"));
    act(store, alice, Operation::Received { seq: Seq(99) });
    act(store, carol, post_to(trip, "not yet there"));
    let seen = marks(store, bob, alice, trip);
    act(store, alice, Operation::Block { id: bob });
    for text in ["first", "second"] {
        act(store, carol, post_to(trip, text));
        act(store, bob, post_to(trip, text));
        act(store, alice, post_to(trip, text));
        act(store, alice, Operation::Received { seq: Seq(99) });
        let last = store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
        for id in [last, old] {
            act(store, alice, Operation::Read { id });
        }
        assert_eq!(marks(store, bob, alice, trip), seen, "as if she were away");
    }
    let hers = store.group(carol, trip).unwrap().unwrap().members[0].clone();
    assert!(hers.read > seen[1], "to others she is not");
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Remove(bob) });
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Add(bob) });
    act(store, bob, Operation::JoinGroup { group: trip });
    assert_eq!(marks(store, bob, alice, trip), seen);
    act(store, alice, Operation::Unblock { id: bob });
    let after = marks(store, bob, alice, trip);
    assert_eq!(after[..2], [hers.delivered, hers.read], "she is back");
    assert_eq!((after[2], after[3]), (seen[2], old));

    // Where they met after the block, she has never come further than to her coming.
    act(store, alice, Operation::Block { id: bob });
    let rome = group(store, &[carol, bob]);
    act(store, carol, Operation::ChangeGroup { group: rome, action: GroupAction::Add(alice) });
    let seen = marks(store, bob, alice, rome);
    act(store, carol, post_to(rome, "welcome"));
    act(store, alice, Operation::Received { seq: Seq(99) });
    assert_eq!(marks(store, bob, alice, rome), seen);
}

fn nobody_blocked_hears_that_all_have_come(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, bob, post_to(trip, "before the block"));
    let id = store.history(bob, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, alice, Operation::Block { id: bob });
    // What she has of Carol is after what she has of him.
    act(store, carol, post_to(trip, "after it"));
    act(store, alice, Operation::Received { seq: Seq(99) });
    let last = store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, alice, Operation::Read { id: last });
    act(store, carol, Operation::Received { seq: Seq(99) });
    act(store, carol, Operation::Read { id });
    let receipt = sql::Receipt { id, by: carol, all: false };
    let told = events(store, bob, Seq(0));
    assert!(
        told.contains(&EventBody::Delivered(receipt)) && told.contains(&EventBody::Read(receipt))
    );
}

/// Of a group and of two: all ways in which what is withheld may lie among what is not.
fn what_is_withheld_is_passed_over(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &[bob, alice, carol]);
    act(store, alice, Operation::Block { id: bob });
    let say =
        |by, text: String| Submission { by, reference: None, operation: post_to(trip, &text) };
    let mut seen = Vec::new();
    // Several to a batch, in each of which he begins, she does, or a change of the group lies between.
    for (round, batch) in
        ["bbb", "cbb", "bcb", "bbc", "brb", "b", "b", "c", "r", "b"].iter().enumerate()
    {
        let act = |(place, who): (usize, char)| match who {
            'b' => say(bob, format!("hidden {round} {place}")),
            'c' => say(carol, format!("{round} {place}")),
            _ => {
                let action = GroupAction::Rename(format!("name {round}"));
                Submission {
                    by: bob,
                    reference: None,
                    operation: Operation::ChangeGroup { group: trip, action },
                }
            }
        };
        let committed = commit(store, batch.chars().enumerate().map(act).collect());
        assert!(committed.outcomes.iter().all(|outcome| *outcome == Outcome::Done));
        let own = batch.chars().enumerate().filter(|(_, who)| *who == 'c');
        seen.extend(own.map(|(place, _)| format!("{round} {place}")));
        assert_eq!(texts(store, alice, Peer::Group(trip)), seen, "{batch}");
        let listed = store.conversations(alice, END, 9).unwrap().remove(0);
        assert_eq!(listed.unread, seen.len() as i64, "{batch}");
        assert_eq!(listed.last.map(|last| last.content).as_ref(), seen.last(), "{batch}");
        let newest = events(store, alice, Seq(0)).into_iter().rev();
        let newest = newest.filter_map(|what| match what {
            EventBody::Entry(Entry::Message(message)) => Some(message.id),
            EventBody::Entry(Entry::Change(_)) => Some(MessageId(i64::MAX)),
            _ => None,
        });
        let newest = newest.into_iter().next().unwrap();
        assert!(newest.0 == i64::MAX || listed.activity == newest, "{batch}");
    }
    let (mut pages, mut before) = (Vec::new(), END);
    while let Some(last) =
        store.history(alice, Peer::Group(trip), before, 1).unwrap().unwrap().pop()
    {
        before = last.id;
        pages.insert(0, last.content);
    }
    assert_eq!(pages, seen);
    let third = store.history(alice, Peer::Group(trip), END, 3).unwrap().unwrap()[2].id;
    act(store, alice, Operation::Read { id: third });
    assert_eq!(store.conversations(alice, END, 9).unwrap()[0].unread, 2);
}

/// What is withheld by the thousands takes no longer to pass over than a little of it.
fn what_is_withheld_costs_nothing_lasting(store: &Store) {
    let people = ["Alice", "Bob"].map(|name| account(store, name));
    let [alice, bob] = people;
    let trip = group(store, &people);
    for by in people {
        say(store, by, if by == alice { bob } else { alice }, "seen", "1");
        act(store, by, post_to(trip, "seen"));
    }
    act(store, alice, Operation::Block { id: bob });
    let fastest = |what: &dyn Fn() -> usize, expected| {
        let time = |_| {
            let begun = std::time::Instant::now();
            assert_eq!(what(), expected);
            begun.elapsed()
        };
        (0..20).map(time).min().unwrap()
    };
    let mut times = Vec::new();
    for count in [100, 10_000] {
        let to_trip =
            |_| Submission { by: bob, reference: None, operation: post_to(trip, "hidden") };
        commit(store, (0..count).map(to_trip).collect());
        commit(store, (0..count).map(|_| post(bob, alice, "hidden", None)).collect());
        let listed = || {
            let listed = store.conversations(alice, END, 9).unwrap();
            assert!(listed.iter().all(|it| it.last.as_ref().unwrap().content == "seen"));
            listed.iter().map(|it| it.unread).sum::<i64>() as usize
        };
        let looked = || {
            let seen = |with| store.history(alice, with, END, 50).unwrap().unwrap().len();
            seen(Peer::Account(bob)) + seen(Peer::Group(trip))
        };
        let shown = || store.group(bob, trip).unwrap().unwrap().members.len();
        times.push([fastest(&listed, 2), fastest(&looked, 4), fastest(&shown, 2)]);
    }
    for (few, many) in times[0].iter().zip(&times[1]) {
        let slack = std::time::Duration::from_millis(1);
        assert!(*many < 3 * *few + slack, "a hundred times as much: {times:?}");
    }
}

fn so_many_may_be_blocked(store: &Store) {
    let alice = account(store, "Alice");
    let others: Vec<_> = (0..=BLOCKS_MAX).map(|_| account(store, "Somebody")).collect();
    for id in &others[..BLOCKS_MAX as usize] {
        assert_eq!(act(store, alice, Operation::Block { id: *id }), Outcome::Done);
    }
    let last = Operation::Block { id: others[BLOCKS_MAX as usize] };
    assert_eq!(code(&act(store, alice, last.clone())), Some(Code::TooMany));
    act(store, alice, Operation::Unblock { id: others[0] });
    assert_eq!(act(store, alice, last), Outcome::Done);
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
