use sql::{Acquaintance, Deed, Outcome, Store, What};
use wire::limit::BLOCKS_MAX;
use wire::{AccountId, Code, MessageId, Seq, With};

use crate::{NOW, account, act, code, events, group, post_to, say};

pub fn suite(store: &Store) {
    nothing_of_the_blocked_arrives_then_or_later(store);
    a_block_reaches_into_groups(store);
    who_may_know_of_whom(store);
    nothing_betrays_a_block(store);
    so_many_may_be_blocked(store);
}

fn texts(store: &Store, who: AccountId, with: With) -> Vec<String> {
    let found = store.history(who, with, MessageId(i64::MAX), 100).unwrap().unwrap();
    found.into_iter().rev().map(|message| message.content).collect()
}

fn nothing_of_the_blocked_arrives_then_or_later(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let old = say(store, alice, bob, "old", "1");
    assert_eq!(act(store, alice, Deed::Block { id: bob }), Outcome::Done);
    assert_eq!(act(store, alice, Deed::Block { id: bob }), Outcome::Nothing);
    assert_eq!(code(&act(store, alice, Deed::Block { id: alice })), Some(Code::BadRequest));
    let nobody = Deed::Block { id: AccountId(i64::MAX) };
    assert_eq!(code(&act(store, alice, nobody)), Some(Code::NotFound));
    assert_eq!(store.blocks(alice).unwrap(), [bob]);

    // Done for him, and no sign of it for her.
    let post = act(store, bob, crate::post(bob, alice, "hidden", None).deed);
    assert_eq!(post, Outcome::Done);
    for deed in
        [Deed::React { id: old.id, emoji: Some("👍".to_owned()) }, Deed::Read { id: old.id }]
    {
        assert_eq!(act(store, bob, deed), Outcome::Done);
    }
    act(store, bob, Deed::Received { seq: Seq(9) });
    assert_eq!(events(store, alice, Seq(1)), [What::Block { id: bob }]);
    act(store, alice, Deed::Received { seq: Seq(9) });
    assert_eq!(events(store, bob, Seq(0)).len(), 4, "his own four, and no receipt");

    assert_eq!(act(store, alice, Deed::Unblock { id: bob }), Outcome::Done);
    assert_eq!(act(store, alice, Deed::Unblock { id: bob }), Outcome::Nothing);
    say(store, bob, alice, "new", "2");
    assert_eq!(texts(store, alice, With::Account(bob)), ["old", "new"]);
    assert_eq!(texts(store, bob, With::Account(alice)), ["old", "hidden", "new"]);
    assert!(store.search(alice, "hidden", MessageId(i64::MAX), 9).unwrap().is_empty());
    assert_eq!(store.conversations(alice, MessageId(i64::MAX), 9).unwrap()[0].unread, 1);
    let id =
        store.history(bob, With::Account(alice), MessageId(i64::MAX), 9).unwrap().unwrap()[1].id;
    assert_eq!(code(&act(store, alice, Deed::Read { id })), Some(Code::NotFound));
}

fn a_block_reaches_into_groups(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    act(store, alice, Deed::Block { id: bob });
    act(store, bob, post_to(trip, "from Bob"));
    act(store, carol, post_to(trip, "from Carol"));
    assert_eq!(texts(store, alice, With::Group(trip)), ["from Carol"]);
    assert_eq!(texts(store, carol, With::Group(trip)), ["from Bob", "from Carol"]);
    let listeners = store.listeners(bob, trip).unwrap();
    assert!(listeners.contains(&carol) && !listeners.contains(&alice));
    // It is never said to be with everybody: for him she is away.
    for who in [alice, carol] {
        act(store, who, Deed::Received { seq: Seq(99) });
    }
    let all = |what: &What| matches!(what, What::Delivered(receipt) if receipt.all);
    assert!(!events(store, bob, Seq(0)).iter().any(all));
}

fn who_may_know_of_whom(store: &Store) {
    let [alice, bob, carol, dave] =
        ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    say(store, alice, bob, "hello", "1");
    group(store, &[alice, carol]);
    let departures = vec![bob];
    let batch = sql::Batch { departures, ..sql::Batch::default() };
    store.commit(&batch, NOW + 5).unwrap();
    let known = |store: &Store| store.acquaintances(alice, &[bob, carol, dave]).unwrap();
    assert_eq!(known(store).get(&bob), Some(&Acquaintance::Known(Some(NOW + 5))));
    assert_eq!(known(store).get(&carol), Some(&Acquaintance::Known(None)));
    assert_eq!(known(store).get(&dave), None);
    act(store, bob, Deed::Block { id: alice });
    assert_eq!(known(store).get(&bob), Some(&Acquaintance::Blocked(NOW)));
}

fn nothing_betrays_a_block(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &people);
    let old = say(store, bob, alice, "before", "1").id;
    act(store, alice, Deed::Block { id: bob });
    act(store, bob, post_to(trip, "hidden"));
    act(store, carol, post_to(trip, "seen"));
    let before = events(store, bob, Seq(0));
    act(store, alice, Deed::Received { seq: Seq(99) });
    act(store, alice, Deed::Read { id: old });
    assert_eq!(events(store, bob, Seq(0)), before, "no receipt, as from somebody away");
    let seen = |who| {
        let members = store.group(who, trip).unwrap().unwrap().members;
        members.into_iter().find(|member| member.id == alice).unwrap().delivered
    };
    assert!(seen(bob) < seen(carol), "for him she has come no further");

    // He does not decide for how long her messages are kept.
    let retain = Deed::Retain { with: With::Account(alice), days: Some(1) };
    assert_eq!(act(store, bob, retain), Outcome::Nothing);
    let listed = store.conversations(alice, MessageId(i64::MAX), 9).unwrap();
    assert!(listed.iter().all(|it| it.days.is_none()));
}

fn so_many_may_be_blocked(store: &Store) {
    let alice = account(store, "Alice");
    let others: Vec<_> = (0..=BLOCKS_MAX).map(|_| account(store, "Somebody")).collect();
    for id in &others[..BLOCKS_MAX as usize] {
        assert_eq!(act(store, alice, Deed::Block { id: *id }), Outcome::Done);
    }
    let last = Deed::Block { id: others[BLOCKS_MAX as usize] };
    assert_eq!(code(&act(store, alice, last.clone())), Some(Code::TooMany));
    act(store, alice, Deed::Unblock { id: others[0] });
    assert_eq!(act(store, alice, last), Outcome::Done);
}
