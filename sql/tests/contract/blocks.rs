use sql::{
    Batch, ContactStatus, Entry, EventBody, GroupAction, Operation, Outcome, Store, Submission,
};
use wire::limit::BLOCKS_MAX;
use wire::{AccountId, Code, GroupId, MessageId, Peer, Seq};

use crate::{NOW, account, act, code, commit, events, group, post, post_to, say};

const END: MessageId = MessageId(i64::MAX);

cases! {
    OPEN, const ALL:
    nothing_of_the_blocked_arrives_then_or_later,
    a_block_reaches_into_groups,
    each_post_of_a_batch_meets_its_own_blocks,
    who_may_know_of_whom,
    nothing_betrays_a_block,
    so_many_may_be_blocked,
    who_is_blocked_sees_marks_as_they_were,
    nobody_blocked_hears_that_all_have_come,
    what_is_withheld_is_passed_over,
    what_is_withheld_costs_nothing_lasting,
}

pub fn texts(store: &Store, who: AccountId, with: Peer) -> Vec<String> {
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
    let mut few = None;
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
        let times = || [fastest(&listed, 2), fastest(&looked, 4), fastest(&shown, 2)];
        let Some(few) = few.replace(times()) else { continue };
        let slack = std::time::Duration::from_millis(1);
        let is_longer =
            |many: &[_; 3]| few.iter().zip(many).any(|(few, many)| *many > 3 * *few + slack);
        // Other processes may take both cores for a while.
        let mut many = (0..5).map(|_| times()).skip_while(is_longer);
        assert!(
            many.next().is_some(),
            "a hundred times as much took longer than {few:?}: {:?}",
            times()
        );
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
