use sql::{Batch, EventBody, GroupAction, Operation, Outcome, Receipt, Store, Submission};
use wire::limit::RECEIPTS_EACH_MAX;
use wire::{AccountId, Code, MessageId, Peer, Seq};

use crate::{NOW, account, act, code, events, group, post_to, say};

cases! {
    OPEN, const ALL:
    who_sent_it_hears_once_that_it_arrived_and_was_read,
    one_receipt_stands_for_all_before_it,
    the_last_of_a_group_makes_it_whole,
    the_last_of_a_group_may_come_together_with_others,
    nobody_reads_what_is_not_theirs,
    ones_own_words_need_no_receipt,
    in_a_large_group_only_the_last_is_heard_of,
    whoever_comes_last_makes_a_group_whole,
    an_edit_does_not_keep_a_group_from_being_whole,
}

fn received(seq: i64) -> Operation {
    Operation::Received { seq: Seq(seq) }
}

/// The receipts after `since`: whether read, of which message, by whom, and whether it is whole.
fn receipts(store: &Store, who: AccountId, since: i64) -> Vec<(bool, MessageId, AccountId, bool)> {
    let turn = |what| match what {
        EventBody::Delivered(Receipt { id, by, all }) => Some((false, id, by, all)),
        EventBody::Read(Receipt { id, by, all }) => Some((true, id, by, all)),
        _ => None,
    };
    events(store, who, Seq(since)).into_iter().filter_map(turn).collect()
}

fn who_sent_it_hears_once_that_it_arrived_and_was_read(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let sent = say(store, alice, bob, "hello", "r");
    assert_eq!(act(store, bob, received(1)), Outcome::Unchanged);
    assert_eq!(act(store, bob, received(1)), Outcome::Unchanged);
    assert_eq!(act(store, bob, Operation::Read { id: sent.id }), Outcome::Done);
    assert_eq!(act(store, bob, Operation::Read { id: sent.id }), Outcome::Unchanged);
    let expected = [(false, sent.id, bob, false), (true, sent.id, bob, false)];
    assert_eq!(receipts(store, alice, 0), expected);
    // His other devices hear what he has read.
    assert_eq!(receipts(store, bob, 0), [(true, sent.id, bob, false)]);
}

fn one_receipt_stands_for_all_before_it(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let ids: Vec<_> = (0..5).map(|n| say(store, alice, bob, "x", &n.to_string()).id).collect();
    let other = say(store, carol, bob, "x", "r").id;
    act(store, bob, received(4));
    assert_eq!(receipts(store, alice, 0), [(false, ids[3], bob, false)]);
    act(store, bob, received(99));
    assert_eq!(receipts(store, alice, 6), [(false, ids[4], bob, false)]);
    assert_eq!(receipts(store, carol, 0), [(false, other, bob, false)]);
    act(store, bob, Operation::Read { id: ids[2] });
    assert_eq!(act(store, bob, Operation::Read { id: ids[1] }), Outcome::Unchanged, "never back");
    assert_eq!(receipts(store, alice, 7), [(true, ids[2], bob, false)]);
}

fn the_last_of_a_group_makes_it_whole(store: &Store) {
    let people = ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    let [alice, bob, carol, dave] = people;
    let trip = group(store, &people);
    act(store, alice, post_to(trip, "from Alice"));
    act(store, bob, post_to(trip, "from Bob"));
    let head = 3;
    for who in [bob, carol, dave] {
        act(store, who, received(head));
    }
    let whole = |who| {
        let all = receipts(store, who, 0);
        all.into_iter().map(|(read, _, by, all)| (read, by, all)).collect::<Vec<_>>()
    };
    let expected = [(false, bob, false), (false, carol, false), (false, dave, true)];
    assert_eq!(whole(alice), expected);
    act(store, alice, received(head));
    let expected = [(false, carol, false), (false, dave, false), (false, alice, true)];
    assert_eq!(whole(bob), expected);
    let group = store.group(alice, trip).unwrap().unwrap();
    let last = group.members[0].delivered;
    let others = || group.members.iter().filter(|member| member.id != bob);
    assert!(others().all(|member| member.delivered == last), "the last word is Bob's: {group:?}");
}

fn the_last_of_a_group_may_come_together_with_others(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, post_to(trip, "hello"));
    let submissions =
        [bob, carol].map(|by| Submission { by, reference: None, operation: received(2) });
    store.commit(&Batch { submissions: submissions.to_vec(), ..Batch::default() }, NOW).unwrap();
    let whole = receipts(store, alice, 0).iter().filter(|(_, _, _, all)| *all).count();
    assert_eq!(whole, 1);
}

fn nobody_reads_what_is_not_theirs(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let sent = say(store, alice, bob, "hello", "r");
    for id in [sent.id, MessageId(i64::MAX)] {
        let refused = act(store, carol, Operation::Read { id });
        assert_eq!(code(&refused), Some(Code::NotFound));
    }
    assert!(receipts(store, alice, 0).is_empty());
}

fn ones_own_words_need_no_receipt(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let note = say(store, alice, alice, "milk", "1");
    let sent = say(store, alice, bob, "hello", "2");
    act(store, alice, received(9));
    assert_eq!(act(store, alice, Operation::Read { id: note.id }), Outcome::Done);
    assert_eq!(act(store, alice, Operation::Read { id: sent.id }), Outcome::Done);
    let own = [(true, note.id, alice, false), (true, sent.id, alice, false)];
    assert_eq!(receipts(store, alice, 0), own);
    assert!(receipts(store, bob, 0).is_empty());
}

fn in_a_large_group_only_the_last_is_heard_of(store: &Store) {
    for (extra, heard) in [(0, RECEIPTS_EACH_MAX - 1), (1, 1)] {
        let count = RECEIPTS_EACH_MAX + extra;
        let people: Vec<_> = (0..count).map(|_| account(store, "Somebody")).collect();
        let crowd = group(store, &people);
        act(store, people[0], post_to(crowd, "hello, all"));
        for who in &people[1..] {
            act(store, *who, received(2));
        }
        let receipts = receipts(store, people[0], 0);
        assert_eq!((receipts.len() as i64, receipts.last().unwrap().3), (heard, true));
    }
}

fn whoever_comes_last_makes_a_group_whole(store: &Store) {
    for last in 1..4 {
        let people: Vec<_> = (0..4).map(|_| account(store, "Somebody")).collect();
        let crowd = group(store, &people);
        act(store, people[0], post_to(crowd, "hello, all"));
        let others = (1..4).filter(|other| *other != last);
        for who in others.chain([last]) {
            assert!(receipts(store, people[0], 0).iter().all(|(_, _, _, is_whole)| !is_whole));
            act(store, people[who], received(2));
        }
        let receipts = receipts(store, people[0], 0);
        let (_, _, by, is_whole) = receipts.last().unwrap();
        assert_eq!((receipts.len(), *by, *is_whole), (3, people[last], true));
    }
}

fn an_edit_does_not_keep_a_group_from_being_whole(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, post_to(trip, "helo"));
    act(store, carol, Operation::ChangeGroup { group: trip, action: GroupAction::Leave });
    let id =
        store.history(alice, Peer::Group(trip), MessageId(i64::MAX), 1).unwrap().unwrap()[0].id;
    act(store, alice, Operation::Edit { id, content: "hello".to_owned() });
    act(store, bob, received(9));
    assert_eq!(receipts(store, alice, 0), [(false, id, bob, true)]);
}
