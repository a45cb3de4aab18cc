use std::thread;

use sql::{Entry, EventBody, GroupAction, Operation, Outcome, Store, Submission};
use wire::limit::GROUP_MEMBERS_MAX;
use wire::{AccountId, Change, Code, GroupId, MessageId, Peer, Role, Seq};

use crate::{NOW, account, act, code, commit, events, group, post_to};

cases! {
    OPEN, const ALL:
    every_change_is_an_event_in_every_log,
    what_a_role_does_not_allow,
    the_last_admin_hands_over,
    who_is_removed_hears_and_reads_nothing_later,
    who_comes_back_begins_anew,
    a_group_has_a_thousand_members_and_no_more,
    races_end_the_same_in_every_log,
    a_deleted_account_leaves_its_groups,
    a_deleted_account_keeps_no_ref,
}

pub fn change(group: GroupId, action: GroupAction) -> Operation {
    Operation::ChangeGroup { group, action }
}

/// The changes in an account's log: what, by whom, to whom.
pub fn changes(store: &Store, who: AccountId) -> Vec<(Change, AccountId, Option<AccountId>)> {
    let turn = |what| match what {
        EventBody::Entry(Entry::Change(it)) => Some((it.change, it.by, it.member)),
        _ => None,
    };
    events(store, who, Seq(0)).into_iter().filter_map(turn).collect()
}

pub fn members(store: &Store, who: AccountId, group: GroupId) -> Vec<(AccountId, Role)> {
    let group = store.group(who, group).unwrap().unwrap();
    group.members.iter().map(|member| (member.id, member.role)).collect()
}

pub fn texts(store: &Store, who: AccountId, group: GroupId) -> Vec<String> {
    let found = store.history(who, Peer::Group(group), MessageId(i64::MAX), 100).unwrap();
    found.unwrap().into_iter().rev().map(|message| message.content).collect()
}

fn every_change_is_an_event_in_every_log(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    for action in [
        GroupAction::Add(carol),
        GroupAction::Rename("Journey".to_owned()),
        GroupAction::Promote(bob),
        GroupAction::Demote(bob),
        GroupAction::Remove(carol),
    ] {
        assert_eq!(act(store, alice, change(trip, action)), Outcome::Done);
    }
    let expected = [
        (Change::Create, alice, None),
        (Change::Add, alice, Some(carol)),
        (Change::Rename, alice, None),
        (Change::Promote, alice, Some(bob)),
        (Change::Demote, alice, Some(bob)),
        (Change::Remove, alice, Some(carol)),
    ];
    assert_eq!(changes(store, alice), expected);
    assert_eq!(changes(store, bob), expected);
    assert_eq!(changes(store, carol), expected[1..]);
    assert_eq!(members(store, bob, trip), [(alice, Role::Admin), (bob, Role::Member)]);
    assert_eq!(store.group(carol, trip).unwrap(), None);
    assert_eq!(store.group(alice, trip).unwrap().unwrap().name, "Journey");
    // What is so already is no event.
    for action in
        [GroupAction::Add(bob), GroupAction::Rename("Journey".to_owned()), GroupAction::Demote(bob)]
    {
        assert_eq!(act(store, alice, change(trip, action)), Outcome::Unchanged);
    }
}

fn what_a_role_does_not_allow(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, stranger] = people;
    let nobody = AccountId(i64::MAX);
    let trip = group(store, &[alice, bob]);
    let all = || {
        [
            GroupAction::Add(stranger),
            GroupAction::Remove(alice),
            GroupAction::Rename("Mine".to_owned()),
            GroupAction::Promote(bob),
            GroupAction::Demote(alice),
        ]
    };
    for action in all() {
        assert_eq!(code(&act(store, bob, change(trip, action))), Some(Code::Forbidden));
    }
    for action in all().into_iter().chain([GroupAction::Leave]) {
        assert_eq!(code(&act(store, stranger, change(trip, action))), Some(Code::NotFound));
    }
    assert_eq!(code(&act(store, stranger, post_to(trip, "hello"))), Some(Code::NotFound));
    let refused = |action| code(&act(store, alice, change(trip, action)));
    assert_eq!(refused(GroupAction::Add(nobody)), Some(Code::NotFound));
    assert_eq!(refused(GroupAction::Remove(stranger)), Some(Code::NotFound));
    assert_eq!(refused(GroupAction::Promote(stranger)), Some(Code::NotFound));
    assert_eq!(refused(GroupAction::Demote(alice)), Some(Code::Forbidden), "the last admin");
    let create = Operation::CreateGroup { name: "Ghosts".to_owned(), members: vec![bob, nobody] };
    assert_eq!(code(&act(store, alice, create)), Some(Code::NotFound));
    let retain = Operation::SetRetention { with: Peer::Group(trip), days: Some(1) };
    assert_eq!(code(&act(store, bob, retain)), Some(Code::Forbidden));
    assert_eq!(changes(store, bob).len(), 1);
}

fn the_last_admin_hands_over(store: &Store) {
    let people = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let [alice, bob, carol] = people;
    let trip = group(store, &[alice, carol]);
    act(store, alice, change(trip, GroupAction::Add(bob)));
    assert_eq!(act(store, alice, change(trip, GroupAction::Remove(alice))), Outcome::Done);
    let handed = [(Change::Promote, alice, Some(carol)), (Change::Leave, alice, None)];
    for who in people {
        assert!(changes(store, who).ends_with(&handed), "{:?}", changes(store, who));
    }
    assert_eq!(members(store, bob, trip), [(carol, Role::Admin), (bob, Role::Member)]);
    for who in [carol, bob] {
        assert_eq!(act(store, who, change(trip, GroupAction::Leave)), Outcome::Done);
    }
    assert_eq!(changes(store, bob).last(), Some(&(Change::Leave, bob, None)));
}

fn who_is_removed_hears_and_reads_nothing_later(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    act(store, alice, post_to(trip, "before"));
    act(store, alice, change(trip, GroupAction::Remove(bob)));
    let head = events(store, bob, Seq(0)).len();
    act(store, alice, post_to(trip, "after"));
    act(store, alice, change(trip, GroupAction::Rename("Without Bob".to_owned())));
    assert_eq!(events(store, bob, Seq(0)).len(), head);
    assert_eq!(texts(store, bob, trip), ["before"]);
    assert_eq!(texts(store, alice, trip), ["before", "after"]);
    assert!(store.search(bob, "after", MessageId(i64::MAX), 9).unwrap().is_empty());
    let listed = &store.conversations(bob, MessageId(i64::MAX), 9).unwrap()[0];
    assert_eq!((listed.role, listed.last.as_ref().unwrap().content.as_str()), (None, "before"));
    assert_eq!(listed.name.as_deref(), Some("Trip"));
}

fn who_comes_back_begins_anew(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob]);
    act(store, alice, post_to(trip, "first"));
    act(store, bob, change(trip, GroupAction::Leave));
    act(store, alice, post_to(trip, "meanwhile"));
    act(store, alice, change(trip, GroupAction::Add(bob)));
    act(store, bob, Operation::JoinGroup { group: trip });
    act(store, alice, post_to(trip, "second"));
    assert_eq!(texts(store, bob, trip), ["second"]);
    let listed = &store.conversations(bob, MessageId(i64::MAX), 9).unwrap()[0];
    assert_eq!((listed.unread, listed.role), (1, Some(Role::Member)));
}

fn a_group_has_a_thousand_members_and_no_more(store: &Store) {
    let people: Vec<_> = (0..=GROUP_MEMBERS_MAX).map(|_| account(store, "Somebody")).collect();
    let (last, people) = people.split_last().unwrap();
    let create = |members| Operation::CreateGroup { name: "Crowd".to_owned(), members };
    let everybody = people[1..].iter().copied().chain([*last]).collect();
    assert_eq!(code(&act(store, people[0], create(everybody))), Some(Code::TooMany));
    let crowd = group(store, people);
    let full = act(store, people[0], change(crowd, GroupAction::Add(*last)));
    assert_eq!(code(&full), Some(Code::TooMany));

    assert_eq!(act(store, people[7], post_to(crowd, "hello, all")), Outcome::Done);
    for who in [people[0], people[7], people[GROUP_MEMBERS_MAX - 1]] {
        assert_eq!(events(store, who, Seq(0)).len(), 2);
        assert_eq!(texts(store, who, crowd), ["hello, all"]);
    }
}

/// Several nodes at once: whatever they do to each other, everybody who is there to the end sees the same.
fn races_end_the_same_in_every_log(store: &Store) {
    for _ in 0..8 {
        let people = ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
        let [alice, bob, carol, dave] = people;
        let trip = group(store, &[alice, bob, carol]);
        act(store, alice, change(trip, GroupAction::Promote(bob)));
        let operations = [
            (alice, change(trip, GroupAction::Remove(bob))),
            (bob, change(trip, GroupAction::Remove(alice))),
            (bob, change(trip, GroupAction::Add(dave))),
            (alice, post_to(trip, "from Alice")),
            (bob, post_to(trip, "from Bob")),
            (carol, post_to(trip, "from Carol")),
        ];
        thread::scope(|scope| {
            for (by, operation) in operations {
                scope.spawn(move || act(store, by, operation));
            }
        });
        let there =
            [alice, bob].into_iter().filter(|who| store.group(*who, trip).unwrap().is_some());
        assert_eq!(there.count(), 1, "one of the two was first");
        let reference = events(store, carol, Seq(0));
        for who in [alice, bob] {
            let seen = events(store, who, Seq(0));
            assert_eq!(seen, reference[..seen.len()], "a log is the beginning of the others'");
        }
        for who in people {
            if store.group(who, trip).unwrap().is_some() {
                assert_eq!(members(store, who, trip), members(store, carol, trip));
            }
        }
    }
}

fn a_deleted_account_leaves_its_groups(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let trip = group(store, &[alice, bob, carol]);
    act(store, alice, post_to(trip, "remember me"));
    store.delete_account(alice, NOW).unwrap();
    let deleted_members = || -> Vec<_> {
        store.deleted_members().unwrap().into_iter().filter(|(_, group)| *group == trip).collect()
    };
    assert_eq!(deleted_members(), [(alice, trip)]);
    assert_eq!(act(store, alice, change(trip, GroupAction::Leave)), Outcome::Done);
    assert!(deleted_members().is_empty());
    assert_eq!(members(store, bob, trip), [(bob, Role::Admin), (carol, Role::Member)]);
    assert_eq!(changes(store, carol).last(), Some(&(Change::Leave, alice, None)));
    assert_eq!(texts(store, bob, trip), ["remember me"]);

    for who in [bob, carol] {
        store.delete_account(who, NOW).unwrap();
        act(store, who, change(trip, GroupAction::Leave));
    }
    store.erase_deleted_accounts_rows().unwrap();
    assert_eq!(store.history(bob, Peer::Group(trip), MessageId(i64::MAX), 9).unwrap(), None);
}

fn a_deleted_account_keeps_no_ref(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let (one, two) = (group(store, &[alice, bob]), group(store, &[alice, carol]));
    store.delete_account(alice, NOW).unwrap();
    // Nothing of it could be locked, so that two nodes might store the same one.
    let leave = |group| Submission {
        by: alice,
        reference: Some("bye".to_owned()),
        operation: change(group, GroupAction::Leave),
    };
    assert_eq!(
        commit(store, vec![leave(one), leave(two)]).outcomes,
        [Outcome::Done, Outcome::Done]
    );
    assert_eq!(code(&commit(store, vec![leave(one)]).outcomes[0]), Some(Code::NotFound));
    for (who, group) in [(bob, one), (carol, two)] {
        assert_eq!(members(store, who, group), [(who, Role::Admin)]);
    }
}
