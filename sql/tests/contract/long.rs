//! What holds of a short log holds of one of which most lies elsewhere than what came lately.

use sql::{EventBody, Operation, Outcome, Receipt, Store};
use wire::{AccountId, MessageId, Peer, Seq};

use crate::erasure::erase;
use crate::{NOW, account, act, commit, events, post, say};

/// Messages in all; SQLite keeps the last 8,192 rows of a table apart.
const MESSAGES: i64 = 12_000;
const BATCH: i64 = 1_000;
const END: MessageId = MessageId(i64::MAX);

pub fn what_is_long_ago_is_like_what_is_new(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let old = say(store, bob, alice, "word0", "first of Bob");
    for first in (0..MESSAGES).step_by(BATCH as usize) {
        let say = |n: i64| post(alice, bob, &format!("word{n}"), Some(&n.to_string()));
        let done = commit(store, (first..first + BATCH).map(say).collect());
        assert!(done.outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    }
    the_log_has_no_hole(store, bob);
    history_goes_back_to_the_first(store, alice, bob);
    a_ref_is_known_however_old_it_is(store, alice, bob);
    words_are_found(store, bob, old.id);
    receipts_cover_all(store, alice, bob);
    what_is_long_ago_can_be_forgotten(store, alice, bob);
}

fn the_log_has_no_hole(store: &Store, bob: AccountId) {
    assert_eq!(events(store, bob, Seq(0)).len() as i64, MESSAGES + 1);
    for since in [0, 1, MESSAGES / 2, MESSAGES - 3, MESSAGES + 1] {
        let page = store.events(bob, Seq(since), 5).unwrap();
        let seqs: Vec<_> = page.iter().map(|event| event.seq.0).collect();
        assert_eq!(seqs, (since + 1..=(since + 5).min(MESSAGES + 1)).collect::<Vec<_>>());
        let kept = store.exported_events(bob, Seq(since), 5).unwrap();
        assert_eq!(kept.iter().map(|event| event.seq.0).collect::<Vec<_>>(), seqs);
    }
}

fn history_goes_back_to_the_first(store: &Store, alice: AccountId, bob: AccountId) {
    let (mut before, mut seen) = (END, 0);
    loop {
        let page = store.history(bob, Peer::Account(alice), before, 700).unwrap().unwrap();
        assert!(page.is_sorted_by(|a, b| a.id > b.id));
        let Some(last) = page.last() else { break };
        before = last.id;
        seen += page.len() as i64;
    }
    assert_eq!(seen, MESSAGES + 1);
}

fn a_ref_is_known_however_old_it_is(store: &Store, alice: AccountId, bob: AccountId) {
    for n in [0, MESSAGES / 2, MESSAGES - 1] {
        let again = commit(store, vec![post(alice, bob, "again", Some(&n.to_string()))]);
        assert!(matches!(again.outcomes[0], Outcome::Repeat(..)), "{n}: {again:?}");
    }
}

fn words_are_found(store: &Store, bob: AccountId, old: MessageId) {
    let count = |word: &str| store.search(bob, word, END, 9).unwrap().len();
    assert_eq!([count("word0"), count("word6000"), count("word11999")], [2, 1, 1]);
    act(store, bob, Operation::Edit { id: old, content: "another".to_owned() });
    assert_eq!([count("word0"), count("another")], [1, 1]);
    act(store, bob, Operation::Delete { id: old });
    assert_eq!([count("word0"), count("another")], [1, 0]);
}

fn receipts_cover_all(store: &Store, alice: AccountId, bob: AccountId) {
    let last = store.history(bob, Peer::Account(alice), END, 1).unwrap().unwrap()[0].id;
    let head = store.log_state(alice).unwrap().unwrap().head;
    act(store, bob, Operation::Received { seq: Seq(i64::MAX) });
    assert_eq!(store.conversations(bob, END, 1).unwrap()[0].unread, 500);
    act(store, bob, Operation::Read { id: last });
    assert_eq!(store.conversations(bob, END, 1).unwrap()[0].unread, 0);
    let receipt = Receipt { id: last, by: bob, all: false };
    let told = [EventBody::Delivered(receipt), EventBody::Read(receipt)];
    assert_eq!(events(store, alice, head), told);
}

fn what_is_long_ago_can_be_forgotten(store: &Store, alice: AccountId, bob: AccountId) {
    let head = store.log_state(bob).unwrap().unwrap().head;
    store.trim_logs(sql::LogRetention { days: 30, events: 100 }, NOW).unwrap();
    let kept = store.events(bob, Seq(head.0 - 100), 1000).unwrap();
    assert_eq!(kept.len(), 100);
    assert!(store.events(bob, Seq(0), 1).unwrap()[0].seq == Seq(head.0 - 99));
    let conversation = store.exported_conversations(bob, 0, 1).unwrap()[0].number;
    let referred = || {
        let entries =
            store.exported_entries(alice, conversation, MessageId(0), MESSAGES + 2).unwrap();
        entries.iter().filter(|entry| entry.reference.is_some()).count() as i64
    };
    assert_eq!(referred(), MESSAGES);
    assert!(store.delete_account(alice, NOW).unwrap());
    // The deletion's answer waits for a bounded time; what is left then is erased afterwards.
    erase(store);
    assert!(store.exported_events(alice, Seq(0), 1).unwrap().is_empty());
    assert_eq!(referred(), 0);
}
