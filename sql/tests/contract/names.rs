//! Who is told the name of whom, and who is there.

use sql::{ContactStatus, GroupAction, Operation, Store};
use wire::AccountId;
use wire::limit::FINDINGS_MAX;

use crate::strangers::{accept, listed, meet, people, tries};
use crate::{NOW, account, act, group};

cases! {
    REQUEST, const ALL:
    presence_is_for_who_knows_whom,
    names_are_for_who_may_see_them,
    so_many_findings_are_kept,
}

fn presence_is_for_who_knows_whom(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    tries(store, alice, bob);
    meet(store, alice, carol);
    group(store, &[alice, carol]);
    let known = |who| {
        let found = store.contact_statuses(who, &[alice, bob, carol, dave]).unwrap();
        let mut known: Vec<_> = found.into_keys().collect();
        known.sort_unstable();
        known
    };
    assert_eq!(known(alice), [alice, carol]);
    assert_eq!(known(bob), [bob]);
    act(store, bob, accept(alice));
    assert_eq!((known(alice), known(bob)), (vec![alice, bob, carol], vec![alice, bob]));
    act(store, bob, Operation::Block { id: alice });
    let found = store.contact_statuses(alice, &[bob]).unwrap();
    assert_eq!(found.get(&bob), Some(&ContactStatus::Blocked(Some(NOW))));
}

fn names_are_for_who_may_see_them(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    let name = |who, other| store.public_profile(who, other).unwrap().map(|it| it.name);
    assert_eq!(name(alice, alice).as_deref(), Some("Alice"));
    assert_eq!((name(alice, bob), name(alice, AccountId(i64::MAX))), (None, None));
    tries(store, alice, bob);
    assert_eq!((name(alice, bob), name(bob, alice).as_deref()), (None, Some("Alice")));
    act(store, bob, accept(alice));
    assert_eq!(name(alice, bob).as_deref(), Some("Bob"));
    store.record_found_account(alice, carol, NOW).unwrap();
    assert_eq!((name(alice, carol).as_deref(), name(carol, alice)), (Some("Carol"), None));
    tries(store, alice, carol);
    assert_eq!(listed(store, alice, carol).unwrap().name.as_deref(), Some("Carol"));
    meet(store, alice, dave);
    assert_eq!(name(bob, dave), None);
    let trip = group(store, &[alice, bob, dave]);
    assert_eq!(name(bob, dave).as_deref(), Some("Dave"), "they are in a group");
    assert_eq!(store.contact_statuses(bob, &[dave]).unwrap().len(), 0, "not more than the name");
    act(store, dave, Operation::ChangeGroup { group: trip, action: GroupAction::Leave });
    assert_eq!(name(bob, dave), None);
}

fn so_many_findings_are_kept(store: &Store) {
    let [alice, bob] = people(store);
    store.record_found_account(alice, AccountId(i64::MAX), NOW).unwrap();
    assert_eq!(store.found_accounts(alice).unwrap(), [], "nobody");
    for at in 0..FINDINGS_MAX {
        store.record_found_account(alice, account(store, "Somebody"), NOW + at).unwrap();
    }
    let [first, second] =
        [store.found_accounts(alice).unwrap()[0], store.found_accounts(alice).unwrap()[1]];
    store.record_found_account(alice, first.id, NOW + FINDINGS_MAX).unwrap();
    store.record_found_account(alice, bob, NOW + FINDINGS_MAX).unwrap();
    let kept = store.found_accounts(alice).unwrap();
    assert_eq!(kept.len() as i64, FINDINGS_MAX);
    let ids: Vec<_> = kept.iter().map(|it| it.id).collect();
    assert!(ids.contains(&first.id) && !ids.contains(&second.id), "the oldest gives way");
}
