use sql::{EventBody, LogRetention, Operation, Outcome, Store};
use wire::{AccountId, MessageId, Peer, Seq};

use crate::{NOW, account, act, commit, events, post, say};

const DAY: i64 = 24 * 60 * 60 * 1000;

cases! {
    OPEN, const ALL:
    a_log_keeps_so_many_events_and_no_more,
    what_is_acknowledged_is_kept_for_a_while,
    messages_expire_as_their_conversation_says,
}

fn state(store: &Store, who: AccountId) -> (i64, i64) {
    let state = store.log_state(who).unwrap().unwrap();
    (state.forgotten.0, state.head.0)
}

fn a_log_keeps_so_many_events_and_no_more(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    commit(store, (0..2_300).map(|_| post(alice, bob, "x", None)).collect());
    store.trim_logs(LogRetention { days: 30, events: 100 }, NOW).unwrap();
    assert_eq!(state(store, bob), (2_200, 2_300));
    assert!(store.events(bob, Seq(0), 1).unwrap()[0].seq == Seq(2_201));
    let history = store.history(bob, Peer::Account(alice), MessageId(i64::MAX), 200).unwrap();
    assert_eq!(history.unwrap().len(), 200, "history holds what the log does not");
}

fn what_is_acknowledged_is_kept_for_a_while(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trim = |now| store.trim_logs(LogRetention { days: 30, events: 100_000 }, now).unwrap();
    commit(store, (0..10).map(|_| post(alice, bob, "x", None)).collect());
    act(store, bob, Operation::Received { seq: Seq(6) });
    trim(NOW);
    trim(NOW + 30 * DAY - 1);
    assert_eq!(state(store, bob).0, 0, "not before its time");
    act(store, bob, Operation::Received { seq: Seq(8) });
    trim(NOW + 30 * DAY);
    assert_eq!(state(store, bob).0, 6, "the newer acknowledgement has its own time");
    trim(NOW + 60 * DAY);
    assert_eq!(state(store, bob).0, 8, "and what is not acknowledged stays");
    assert_eq!(store.events(bob, Seq(8), 9).unwrap().len(), 2);
}

fn messages_expire_as_their_conversation_says(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    say(store, alice, bob, "short-lived", "1");
    say(store, alice, carol, "kept", "2");
    let retain = |days| Operation::SetRetention { with: Peer::Account(bob), days };
    assert_eq!(act(store, alice, retain(Some(1))), Outcome::Done);
    assert_eq!(act(store, alice, retain(Some(1))), Outcome::Unchanged);
    store.expire_messages(NOW + DAY).unwrap();
    let left = |who, with| {
        store.history(who, Peer::Account(with), MessageId(i64::MAX), 9).unwrap().unwrap().len()
    };
    assert_eq!(left(bob, alice), 1, "not before its time");
    commit(store, (0..1_500).map(|_| post(bob, alice, "x", None)).collect());
    store.expire_messages(NOW + DAY + 1).unwrap();
    assert_eq!((left(bob, alice), left(carol, alice)), (0, 1));
    assert!(store.search(bob, "short", MessageId(i64::MAX), 9).unwrap().is_empty());
    // The log has no hole where it was.
    assert_eq!(events(store, bob, Seq(0))[0], EventBody::Expired);
    let listed = &store.conversations(bob, MessageId(i64::MAX), 9).unwrap()[0];
    assert_eq!((listed.days, listed.last.as_ref(), listed.unread), (Some(1), None, 0));
    assert_eq!(
        act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: None }),
        Outcome::Done
    );
}
