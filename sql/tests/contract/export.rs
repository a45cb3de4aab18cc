use sql::{
    Entry, ExportedBlock, ExportedConversation, ExportedEntry, GroupAction, Operation, Store,
};
use wire::{AccountId, MessageId, Peer, Role, Seq, SessionId};

use crate::{NOW, account, act, act_at, group, post_to, say};

cases! {
    OPEN:
    every_page_goes_on_where_the_last_ended,
    nobody_gets_what_is_not_theirs,
    how_far_one_has_come_is_kept,
    whom_one_has_blocked_is_kept,
}

/// All messages, in pages of two.
pub fn messages(store: &Store, id: AccountId) -> Vec<(AccountId, String, Option<String>)> {
    let (mut all, mut conversation) = (Vec::new(), 0);
    while let Some(next) = store.exported_conversations(id, conversation, 1).unwrap().first() {
        conversation = next.number;
        let mut after = MessageId(0);
        loop {
            let page = store.exported_entries(id, conversation, after, 2).unwrap();
            assert!(page.len() <= 2 && page.is_sorted_by_key(|message| message.id));
            let Some(last) = page.last() else { break };
            after = last.id;
            all.extend(page.into_iter().filter_map(
                |ExportedEntry { entry, reference, .. }| match entry {
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
        let page = store.exported_events(alice, after, 4).unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        assert!(page.iter().all(|event| event.kind == "entry" && event.message.is_some()));
        seen.extend(page.iter().map(|event| event.seq.0));
    }
    assert_eq!(seen, (1..=15).collect::<Vec<_>>());
    assert_eq!(store.log_state(alice).unwrap().unwrap().head, Seq(15));

    let ids: Vec<_> = [1, 2, 3].map(|n| crate::sessions::open(store, alice, n).unwrap()).into();
    let first = store.exported_sessions(alice, SessionId(0), 2).unwrap();
    let second = store.exported_sessions(alice, first[1].id, 2).unwrap();
    let found: Vec<_> = first.iter().chain(&second).map(|session| session.id).collect();
    assert_eq!(found, ids);
    assert!(store.exported_sessions(alice, ids[2], 2).unwrap().is_empty());
}

fn nobody_gets_what_is_not_theirs(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    say(store, alice, bob, "hello", "secret-ref");
    say(store, bob, carol, "not for Alice", "r");
    let (said, kept) = ("hello".to_owned(), Some("secret-ref".to_owned()));
    assert_eq!(messages(store, alice), [(alice, said.clone(), kept)]);
    // The ref is Alice's own name for it.
    assert_eq!(messages(store, bob)[0], (alice, said, None));
    let foreign = store.exported_conversations(carol, 0, 1).unwrap()[0].number;
    assert!(store.exported_entries(alice, foreign, MessageId(0), 9).unwrap().is_empty());
}

fn how_far_one_has_come_is_kept(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let first = say(store, alice, bob, "hello", "1");
    say(store, alice, bob, "hello again", "2");
    act(store, bob, Operation::Received { seq: Seq(2) });
    act(store, bob, Operation::Read { id: first.id });
    act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: Some(7) });
    let [trip, work] = [&people[..2], &people[..]].map(|people| group(store, people));
    act(store, alice, Operation::ChangeGroup { group: trip, action: GroupAction::Promote(bob) });
    act(store, alice, Operation::SetRetention { with: Peer::Group(work), days: Some(1) });
    act(store, alice, post_to(work, "before he leaves"));
    act(store, bob, Operation::ChangeGroup { group: work, action: GroupAction::Leave });
    let rename = GroupAction::Rename("Later".to_owned());
    act(store, alice, Operation::ChangeGroup { group: work, action: rename });
    act(store, bob, Operation::Block { id: carol });
    act(store, carol, crate::post(carol, bob, "hidden", None).operation);

    let mut found: Vec<ExportedConversation> = Vec::new();
    loop {
        let after = found.last().map_or(0, |last| last.number);
        let page = store.exported_conversations(bob, after, 2).unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let mut ids: Vec<i64> = Vec::new();
    for kept in &found {
        let entries = store.exported_entries(bob, kept.number, MessageId(0), 9).unwrap();
        ids.extend(entries.iter().map(|entry| entry.id.0));
    }
    let [pair, in_trip, left] = <[_; 3]>::try_from(found).unwrap();
    assert_eq!((pair.with, pair.name, pair.role), (Peer::Account(alice), None, None));
    assert_eq!((pair.since, pair.until, pair.days), (MessageId(0), None, Some(7)));
    assert_eq!((pair.read.0, pair.delivered.0), (ids[0], ids[1]));
    assert_eq!(in_trip.with, Peer::Group(trip));
    assert_eq!((in_trip.name.as_deref(), in_trip.role), (Some("Trip"), Some(Role::Admin)));
    assert_eq!((in_trip.since.0, in_trip.until, in_trip.days), (ids[3], None, None));
    assert_eq!((left.with, left.name.as_deref()), (Peer::Group(work), Some("Trip")));
    assert_eq!((left.role, left.days), (None, None));
    assert_eq!(left.until.map(|id| id.0), ids.last().copied());
}

fn whom_one_has_blocked_is_kept(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    act_at(store, alice, Operation::Block { id: carol }, NOW + 1);
    act_at(store, alice, Operation::Block { id: bob }, NOW + 2);
    let kept = [(bob, 2), (carol, 1)].map(|(id, later)| ExportedBlock { id, at: NOW + later });
    assert_eq!(store.exported_blocks(alice).unwrap(), kept);
}
