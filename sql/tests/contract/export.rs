use sql::{Entry, KeptEntry, Store};
use wire::{AccountId, MessageId, Seq, SessionId};

use crate::{account, say};

pub fn suite(store: &Store) {
    every_page_goes_on_where_the_last_ended(store);
    nobody_gets_what_is_not_theirs(store);
}

/// All messages, in pages of two.
pub fn messages(store: &Store, id: AccountId) -> Vec<(AccountId, String, Option<String>)> {
    let (mut all, mut conversation) = (Vec::new(), 0);
    while let Some(&next) = store.kept_conversations(id, conversation, 1).unwrap().first() {
        conversation = next;
        let mut after = MessageId(0);
        loop {
            let page = store.kept_entries(id, conversation, after, 2).unwrap();
            assert!(page.len() <= 2 && page.is_sorted_by_key(|message| message.id));
            let Some(last) = page.last() else { break };
            after = last.id;
            all.extend(page.into_iter().filter_map(
                |KeptEntry { entry, reference, .. }| match entry {
                    Entry::Message(it) => Some((it.from, it.content, reference)),
                    _ => None,
                },
            ));
        }
    }
    all
}

fn every_page_goes_on_where_the_last_ended(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let mut expected = Vec::new();
    for number in 0..5 {
        for other in [bob, carol, alice] {
            let text = format!("{number} to {other}");
            say(store, alice, other, &text, &text);
            expected.push((alice, text.clone(), Some(text)));
        }
    }
    let mut found = messages(store, alice);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    let (mut seen, mut after) = (Vec::new(), Seq(0));
    loop {
        let page = store.kept_events(alice, after, 4).unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        assert!(page.iter().all(|event| event.kind == "entry" && event.message.is_some()));
        seen.extend(page.iter().map(|event| event.seq.0));
    }
    assert_eq!(seen, (1..=15).collect::<Vec<_>>());
    assert_eq!(store.log_state(alice).unwrap().unwrap().head, Seq(15));

    let ids: Vec<_> = [1, 2, 3].map(|n| crate::sessions::open(store, alice, n).unwrap()).into();
    let first = store.kept_sessions(alice, SessionId(0), 2).unwrap();
    let second = store.kept_sessions(alice, first[1].id, 2).unwrap();
    let found: Vec<_> = first.iter().chain(&second).map(|session| session.id).collect();
    assert_eq!(found, ids);
    assert!(store.kept_sessions(alice, ids[2], 2).unwrap().is_empty());
}

fn nobody_gets_what_is_not_theirs(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    say(store, alice, bob, "hello", "secret-ref");
    say(store, bob, carol, "not for Alice", "r");
    let (said, kept) = ("hello".to_owned(), Some("secret-ref".to_owned()));
    assert_eq!(messages(store, alice), [(alice, said.clone(), kept)]);
    // The ref is Alice's own name for it.
    assert_eq!(messages(store, bob)[0], (alice, said, None));
    let foreign = store.kept_conversations(carol, 0, 1).unwrap()[0];
    assert!(store.kept_entries(alice, foreign, MessageId(0), 9).unwrap().is_empty());
}
