//! A page holds so many bytes, however many rows are asked for.

use sql::{Entry, EventBody, Operation, PAGE_BYTES, Store};
use wire::limit::CONTENT_BYTES_MAX;
use wire::{AccountId, MessageId, Peer, Seq};

use crate::{account, act, group, post_to, say};

/// As many longest messages as fill a page, with the one that passes it; and one after it that shows that there is more.
const FITTING: usize = PAGE_BYTES / CONTENT_BYTES_MAX + 1;
/// More than two pages hold.
const MESSAGES: usize = 2 * FITTING + 3;
const END: MessageId = MessageId(i64::MAX);

cases! {
    OPEN:
    history_and_log_and_export_come_in_pages_of_bytes,
    conversations_come_in_pages_of_bytes,
    a_text_before_an_edit_counts_as_it_is_seen,
}

fn long(n: usize) -> String {
    format!("{n:<CONTENT_BYTES_MAX$}")
}

fn history_and_log_and_export_come_in_pages_of_bytes(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    for n in 0..MESSAGES {
        say(store, alice, bob, &long(n), &n.to_string());
    }
    let newest_first: Vec<_> = (0..MESSAGES).rev().map(long).collect();
    let page = store.history(bob, Peer::Account(alice), END, 200).unwrap().unwrap();
    let texts: Vec<_> = page.iter().map(|message| &message.content).collect();
    assert_eq!(texts, newest_first.iter().take(FITTING).collect::<Vec<_>>());
    let few = store.history(bob, Peer::Account(alice), END, 3).unwrap().unwrap();
    assert_eq!(few[..], page[..3]);

    let (mut since, mut seen) = (Seq(0), 0);
    loop {
        let page = store.events(bob, since, 128).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= FITTING, "{}", page.len());
        assert_eq!(page[0].seq, since.next());
        assert!(page.iter().all(|event| matches!(event.body, EventBody::Entry(Entry::Message(_)))));
        (since, seen) = (last.seq, seen + page.len());
    }
    assert_eq!(seen, MESSAGES);

    let conversation = store.exported_conversations(bob, 0, 1).unwrap()[0].number;
    let (mut after, mut seen) = (MessageId(0), 0);
    loop {
        let page = store.exported_entries(bob, conversation, after, 100).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= FITTING, "{}", page.len());
        (after, seen) = (last.id, seen + page.len());
    }
    assert_eq!(seen, MESSAGES);
}

fn conversations_come_in_pages_of_bytes(store: &Store) {
    let alice = account(store, "Alice");
    for n in 0..MESSAGES {
        let own = group(store, &[alice]);
        act(store, alice, post_to(own, &long(n)));
    }
    let list = |before| store.conversations(alice, before, 1000).unwrap();
    let (first, mut before, mut seen) = (list(END), END, Vec::new());
    assert_eq!(first.len(), FITTING);
    loop {
        let page = list(before);
        let Some(last) = page.last() else { break };
        assert!(page.len() <= FITTING);
        before = last.activity;
        seen.extend(page.into_iter().map(|it| it.last.unwrap().content));
    }
    assert_eq!(seen, (0..MESSAGES).rev().map(long).collect::<Vec<_>>());
}

/// What a block withholds is neither read nor counted.
fn a_text_before_an_edit_counts_as_it_is_seen(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let ids: Vec<_> =
        (0..MESSAGES).map(|n| say(store, bob, alice, "short", &n.to_string()).id).collect();
    act(store, alice, Operation::Block { id: bob });
    for (n, id) in ids.into_iter().enumerate() {
        act(store, bob, Operation::Edit { id, content: long(n) });
    }
    let count = |who: AccountId, other| {
        store.history(who, Peer::Account(other), END, 200).unwrap().unwrap().len()
    };
    assert_eq!((count(alice, bob), count(bob, alice)), (MESSAGES, FITTING));
}
