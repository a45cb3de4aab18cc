//! Who is asked before it is in a group.

use sql::{Conversation, Entry, EventBody, GroupAction, Member, Operation, Outcome, Store};
use wire::limit::{CONTENT_BYTES_MAX, REQUEST_MESSAGES_MAX};
use wire::{AccountId, Change, Code, GroupId, MessageId, Peer, Role, Seq};

use crate::groups::{change, changes, members, texts};
use crate::{NOW, account, act, code, commit, events, group, post, post_to};

cases! {
    REQUEST:
    a_stranger_is_invited_and_hears_nothing_else,
    who_accepts_is_in_the_group,
    who_declines_is_not_and_nobody_is_told,
    an_invitation_can_be_taken_back,
    who_knows_the_admin_joins_at_once,
    who_has_blocked_the_admin_hears_nothing,
    who_has_declined_the_admin_hears_nothing,
    an_invited_one_inherits_nothing,
    deleted_accounts_are_not_invited,
    what_waits_is_exported,
    names_of_strangers_are_not_shown,
    an_invited_one_keeps_no_receipt_back,
    an_invitation_does_not_go_past_what_a_page_leaves_out,
    who_has_left_comes_back_only_by_accepting,
}

cases! {
    OPEN, const ALL:
    who_has_left_comes_back_only_by_accepting_where_everybody_knows_everybody,
}

fn who_has_left_comes_back_only_by_accepting_where_everybody_knows_everybody(store: &Store) {
    who_has_left_comes_back_only_by_accepting(store);
}

/// These two have written to each other.
pub fn meet(store: &Store, one: AccountId, other: AccountId) {
    let submissions = vec![post(one, other, "hello", None), post(other, one, "hello", None)];
    assert_eq!(commit(store, submissions).outcomes, [Outcome::Done, Outcome::Done]);
}

pub fn create(members: &[AccountId]) -> Operation {
    Operation::CreateGroup { name: "Trip".to_owned(), members: members.to_vec() }
}

/// A group made by `by` with these, whether they are in it or invited.
pub fn made(store: &Store, by: AccountId, members: &[AccountId]) -> GroupId {
    assert_eq!(act(store, by, create(members)), Outcome::Done);
    let group = |what| match what {
        EventBody::Entry(Entry::Change(it)) => Some(it.group),
        _ => None,
    };
    events(store, by, Seq(0)).into_iter().rev().find_map(group).unwrap()
}

pub fn listed(store: &Store, who: AccountId) -> Vec<Conversation> {
    store.conversations(who, MessageId(i64::MAX), 9).unwrap()
}

pub fn people<const COUNT: usize>(store: &Store) -> [AccountId; COUNT] {
    std::array::from_fn(|_| account(store, "Somebody"))
}

fn shown(store: &Store, who: AccountId, group: GroupId) -> Vec<Member> {
    store.group(who, group).unwrap().unwrap().members
}

fn a_stranger_is_invited_and_hears_nothing_else(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, alice, carol);
    let trip = made(store, alice, &[bob, carol]);
    let invite = (Change::Invite, alice, Some(bob));
    assert_eq!(changes(store, alice), [(Change::Create, alice, None), invite]);
    assert_eq!(changes(store, carol), changes(store, alice));
    assert_eq!(changes(store, bob), [invite]);
    let roles = [(alice, Role::Admin), (carol, Role::Member), (bob, Role::Invited)];
    assert_eq!(members(store, alice, trip), roles);
    let it = shown(store, carol, trip)[2].clone();
    assert_eq!((it.delivered, it.read), (MessageId(0), MessageId(0)));

    act(store, alice, post_to(trip, "not for Bob"));
    act(store, alice, change(trip, GroupAction::Rename("Buy my things".to_owned())));
    act(store, alice, change(trip, GroupAction::Promote(carol)));
    act(store, alice, Operation::SetRetention { with: Peer::Group(trip), days: Some(7) });
    assert_eq!(events(store, bob, Seq(0)).len(), 1);
    let one = listed(store, bob).pop().unwrap();
    assert_eq!((one.with, one.name.as_deref()), (Peer::Group(trip), Some("Trip")));
    assert_eq!((one.role, one.last, one.unread), (Some(Role::Invited), None, 0));
    assert_eq!(listed(store, bob).len(), 1);
    assert!(store.conversations(bob, one.activity, 9).unwrap().is_empty());

    assert_eq!(store.group(bob, trip).unwrap(), None);
    let history = store.history(bob, Peer::Group(trip), MessageId(i64::MAX), 9).unwrap();
    assert_eq!(history, None);
    assert!(store.search(bob, "for", MessageId(i64::MAX), 9).unwrap().is_empty());
    assert!(!store.listeners(alice, trip).unwrap().contains(&bob));
    assert!(store.listeners(bob, trip).unwrap().is_empty());
    let refused = |by, operation| code(&act(store, by, operation));
    assert_eq!(refused(bob, post_to(trip, "let me in")), Some(Code::NotFound));
    assert_eq!(refused(bob, change(trip, GroupAction::Leave)), Some(Code::NotFound));
    for action in [GroupAction::Promote(bob), GroupAction::Demote(bob)] {
        assert_eq!(refused(alice, change(trip, action)), Some(Code::NotFound));
    }
    assert_eq!(act(store, alice, change(trip, GroupAction::Add(bob))), Outcome::Unchanged);
}

fn who_accepts_is_in_the_group(store: &Store) {
    let [alice, bob] = people(store);
    let trip = made(store, alice, &[bob]);
    act(store, alice, post_to(trip, "before"));
    let join = sql::Submission {
        by: bob,
        reference: Some("j".to_owned()),
        operation: Operation::JoinGroup { group: trip },
    };
    let committed = commit(store, vec![join.clone()]);
    assert_eq!(committed.outcomes, [Outcome::Done]);
    assert_eq!(committed.events[0].submission, Some(0));
    let seq = committed.events[0].to.iter().find(|(account, _)| *account == bob).unwrap().1;
    let repeat = Outcome::Repeat(committed.events[0].body.clone(), seq);
    assert_eq!(commit(store, vec![join]).outcomes, [repeat]);
    for who in [alice, bob] {
        assert_eq!(changes(store, who).last(), Some(&(Change::Join, bob, None)));
    }
    assert_eq!(members(store, bob, trip), [(alice, Role::Admin), (bob, Role::Member)]);
    act(store, alice, post_to(trip, "after"));
    assert_eq!(texts(store, bob, trip), ["after"]);
    assert_eq!((listed(store, bob)[0].role, listed(store, bob).len()), (Some(Role::Member), 1));
    assert_eq!(act(store, bob, Operation::JoinGroup { group: trip }), Outcome::Unchanged);
    let decline = act(store, bob, Operation::DeclineInvitation { group: trip });
    assert_eq!(code(&decline), Some(Code::Forbidden), "it is in it");
}

fn who_declines_is_not_and_nobody_is_told(store: &Store) {
    let [alice, bob] = people(store);
    let trip = made(store, alice, &[bob]);
    let decline = || act(store, bob, Operation::DeclineInvitation { group: trip });
    assert_eq!(decline(), Outcome::Done);
    assert_eq!(decline(), Outcome::Unchanged);
    let expected = EventBody::DeclineInvitation { group: trip };
    assert_eq!(events(store, bob, Seq(0)).last(), Some(&expected));
    assert!(listed(store, bob).is_empty());
    assert_eq!(code(&act(store, bob, Operation::JoinGroup { group: trip })), Some(Code::NotFound));
    assert_eq!(changes(store, alice).len(), 2, "nobody is told");
    assert_eq!(members(store, alice, trip), [(alice, Role::Admin), (bob, Role::Invited)]);
    let add = || act(store, alice, change(trip, GroupAction::Add(bob)));
    assert_eq!(add(), Outcome::Unchanged);
    // Nor does it hear that it is not wanted any more.
    assert_eq!(act(store, alice, change(trip, GroupAction::Remove(bob))), Outcome::Done);
    assert_eq!(changes(store, alice).last(), Some(&(Change::Remove, alice, Some(bob))));
    assert_eq!(events(store, bob, Seq(0)).len(), 2);
    assert_eq!(add(), Outcome::Done);
    assert_eq!(changes(store, bob).last(), Some(&(Change::Invite, alice, Some(bob))));
    assert_eq!(listed(store, bob)[0].role, Some(Role::Invited));
    assert_eq!(act(store, bob, Operation::JoinGroup { group: trip }), Outcome::Done);
}

fn an_invitation_can_be_taken_back(store: &Store) {
    let [alice, bob, carol] = people(store);
    let trip = made(store, alice, &[bob]);
    let remove = || act(store, alice, change(trip, GroupAction::Remove(bob)));
    assert_eq!(remove(), Outcome::Done);
    for who in [alice, bob] {
        assert_eq!(changes(store, who).last(), Some(&(Change::Remove, alice, Some(bob))));
    }
    assert!(listed(store, bob).is_empty());
    assert_eq!(members(store, alice, trip), [(alice, Role::Admin)]);
    for operation in
        [Operation::JoinGroup { group: trip }, Operation::DeclineInvitation { group: trip }]
    {
        assert_eq!(code(&act(store, bob, operation.clone())), Some(Code::NotFound));
        assert_eq!(code(&act(store, carol, operation)), Some(Code::NotFound), "never invited");
    }
    assert_eq!(code(&remove()), Some(Code::NotFound));
    // Also who knows the admin by now is asked again.
    meet(store, alice, bob);
    assert_eq!(act(store, alice, change(trip, GroupAction::Add(bob))), Outcome::Done);
    assert_eq!(members(store, alice, trip)[1], (bob, Role::Invited));
}

fn who_knows_the_admin_joins_at_once(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, alice, bob);
    meet(store, alice, carol);
    let trip = group(store, &[alice, bob]);
    assert_eq!(act(store, alice, change(trip, GroupAction::Add(carol))), Outcome::Done);
    assert_eq!(changes(store, carol), [(Change::Add, alice, Some(carol))]);
    let roles = [(alice, Role::Admin), (bob, Role::Member), (carol, Role::Member)];
    assert_eq!(members(store, carol, trip), roles);
}

fn who_has_blocked_the_admin_hears_nothing(store: &Store) {
    for is_known in [false, true] {
        let [alice, bob, carol] = people(store);
        if is_known {
            meet(store, alice, bob);
        }
        meet(store, alice, carol);
        act(store, bob, Operation::Block { id: alice });
        let head = events(store, bob, Seq(0)).len();
        let before = listed(store, bob).len();
        let trip = made(store, alice, &[bob, carol]);
        let other = made(store, alice, &[carol]);
        assert_eq!(act(store, alice, change(other, GroupAction::Add(bob))), Outcome::Done);
        assert_eq!(changes(store, carol).last(), Some(&(Change::Invite, alice, Some(bob))));
        for group in [trip, other] {
            assert_eq!(members(store, carol, group)[2], (bob, Role::Invited));
            assert_eq!(
                code(&act(store, bob, Operation::JoinGroup { group })),
                Some(Code::NotFound)
            );
            let remove = act(store, alice, change(group, GroupAction::Remove(bob)));
            assert_eq!(remove, Outcome::Done);
        }
        assert_eq!(events(store, bob, Seq(0)).len(), head);
        assert_eq!(listed(store, bob).len(), before);
        act(store, bob, Operation::Unblock { id: alice });
        assert_eq!(act(store, alice, change(trip, GroupAction::Add(bob))), Outcome::Done);
        assert_eq!(act(store, bob, Operation::JoinGroup { group: trip }), Outcome::Done);
    }
}

fn who_has_declined_the_admin_hears_nothing(store: &Store) {
    let [alice, bob] = people(store);
    commit(store, vec![post(alice, bob, "hello", None)]);
    assert_eq!(act(store, bob, Operation::Decline { id: alice }), Outcome::Done);
    let head = events(store, bob, Seq(0)).len();
    for _ in 1..REQUEST_MESSAGES_MAX {
        let trip = made(store, alice, &[bob]);
        assert_eq!(members(store, alice, trip)[1], (bob, Role::Invited));
    }
    assert_eq!(code(&act(store, alice, create(&[bob]))), Some(Code::NotAccepted));
    assert_eq!(events(store, bob, Seq(0)).len(), head);
    assert!(listed(store, bob).is_empty());
}

fn an_invited_one_inherits_nothing(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, alice, carol);
    let trip = made(store, alice, &[bob]);
    act(store, alice, change(trip, GroupAction::Add(carol)));
    act(store, alice, change(trip, GroupAction::Leave));
    assert_eq!(members(store, carol, trip), [(carol, Role::Admin), (bob, Role::Invited)]);
    // Nobody is left who could have them in it.
    act(store, carol, change(trip, GroupAction::Leave));
    assert_eq!(code(&act(store, bob, Operation::JoinGroup { group: trip })), Some(Code::NotFound));
    assert!(listed(store, bob).is_empty());
}

fn deleted_accounts_are_not_invited(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    meet(store, alice, carol);
    let trip = made(store, alice, &[bob, carol, dave]);
    store.delete_account(bob, NOW).unwrap();
    let left = [(alice, Role::Admin), (carol, Role::Member), (dave, Role::Invited)];
    assert_eq!(members(store, carol, trip), left);
    store.delete_account(alice, NOW).unwrap();
    act(store, alice, change(trip, GroupAction::Leave));
    assert_eq!(act(store, dave, Operation::JoinGroup { group: trip }), Outcome::Done);
    assert_eq!(members(store, dave, trip), [(carol, Role::Admin), (dave, Role::Member)]);

    let trip = made(store, carol, &[dave]);
    for who in [carol, dave] {
        store.delete_account(who, NOW).unwrap();
    }
    for (who, group) in store.deleted_members().unwrap() {
        act(store, who, change(group, GroupAction::Leave));
    }
    store.erase_deleted_accounts_rows().unwrap();
    assert_eq!(store.history(carol, Peer::Group(trip), MessageId(i64::MAX), 9).unwrap(), None);
}

fn what_waits_is_exported(store: &Store) {
    let [alice, bob] = people(store);
    let one = made(store, alice, &[bob]);
    let two = made(store, alice, &[bob]);
    let kept = |after, limit| -> Vec<_> {
        let kept = store.exported_invitations(bob, GroupId(after), limit).unwrap();
        kept.into_iter().map(|it| (it.group, it.name, it.by, it.at)).collect()
    };
    let line = |group| (group, "Trip".to_owned(), alice, NOW);
    assert_eq!(kept(0, 1), [line(one)]);
    assert_eq!(kept(one.0, 9), [line(two)]);
    act(store, bob, Operation::DeclineInvitation { group: one });
    act(store, bob, Operation::JoinGroup { group: two });
    assert!(kept(0, 9).is_empty());
}

fn names_of_strangers_are_not_shown(store: &Store) {
    let alice = account(store, "Alice");
    let names = ["Stranger", "Friend", "Found", "Writer", "Companion"];
    let [stranger, friend, found, writer, companion] = names.map(|name| account(store, name));
    meet(store, alice, friend);
    store.record_found_account(alice, found, NOW).unwrap();
    commit(store, vec![post(writer, alice, "hello", None)]);
    let trip = made(store, alice, &[stranger, friend, found, writer, companion]);
    let other = made(store, alice, &[companion]);
    act(store, companion, Operation::JoinGroup { group: other });
    let name = |who: AccountId| {
        let all = shown(store, alice, trip);
        all.into_iter().find(|it| it.id == who).unwrap().name
    };
    assert_eq!(name(stranger), None);
    assert_eq!(name(friend).as_deref(), Some("Friend"));
    assert_eq!(name(found).as_deref(), Some("Found"));
    assert_eq!(name(writer).as_deref(), Some("Writer"));
    assert_eq!(name(companion).as_deref(), Some("Companion"));
    // Another member does not know them for that.
    let of_friend = shown(store, friend, trip);
    let invited = of_friend.iter().filter(|it| it.role == Role::Invited);
    assert!(invited.clone().count() == 4 && invited.clone().all(|it| it.name.is_none()));
    act(store, stranger, Operation::JoinGroup { group: trip });
    assert_eq!(name(stranger).as_deref(), Some("Stranger"));
}

fn an_invited_one_keeps_no_receipt_back(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, alice, bob);
    let trip = made(store, alice, &[bob, carol]);
    act(store, alice, post_to(trip, "hello"));
    act(store, bob, Operation::Received { seq: Seq(i64::MAX) });
    act(store, carol, Operation::Received { seq: Seq(i64::MAX) });
    let last = events(store, alice, Seq(0)).pop();
    assert!(matches!(last, Some(EventBody::Delivered(it)) if it.all && it.by == bob), "{last:?}");
}

fn an_invitation_does_not_go_past_what_a_page_leaves_out(store: &Store) {
    const LONG: usize = 30;
    let [alice, bob] = people(store);
    let trip = made(store, alice, &[bob]);
    let text = "x".repeat(CONTENT_BYTES_MAX);
    for _ in 0..LONG {
        let [other] = people(store);
        commit(store, vec![post(other, bob, &text, None)]);
    }
    let (mut all, mut before, mut pages) = (Vec::new(), MessageId(i64::MAX), 0);
    loop {
        let page = store.conversations(bob, before, 99).unwrap();
        let Some(last) = page.last() else { break };
        before = last.activity;
        all.extend(page.iter().map(|it| it.with));
        pages += 1;
    }
    assert_eq!((all.len(), all.last()), (LONG + 1, Some(&Peer::Group(trip))));
    assert!(pages > 1, "else nothing is left out");
}

fn who_has_left_comes_back_only_by_accepting(store: &Store) {
    let [alice, bob, carol] = people(store);
    meet(store, alice, bob);
    meet(store, alice, carol);
    let trip = group(store, &[alice, bob, carol]);
    act(store, alice, post_to(trip, "first"));
    act(store, bob, change(trip, GroupAction::Leave));
    act(store, alice, change(trip, GroupAction::Remove(carol)));
    for who in [bob, carol] {
        assert_eq!(act(store, alice, change(trip, GroupAction::Add(who))), Outcome::Done);
        assert_eq!(changes(store, who).last(), Some(&(Change::Invite, alice, Some(who))));
        let lines = listed(store, who);
        let lines: Vec<_> = lines.iter().filter(|it| it.with == Peer::Group(trip)).collect();
        assert_eq!(lines.len(), 1, "it is listed once");
        assert_eq!(lines[0].role, Some(Role::Invited));
        assert_eq!(texts(store, who, trip), ["first"], "what it had before");
    }
    act(store, bob, Operation::DeclineInvitation { group: trip });
    let line = listed(store, bob).into_iter().find(|it| it.with == Peer::Group(trip)).unwrap();
    assert_eq!(line.role, None, "one that it has left");
    assert_eq!(act(store, carol, Operation::JoinGroup { group: trip }), Outcome::Done);
    act(store, alice, post_to(trip, "second"));
    assert_eq!(texts(store, carol, trip), ["second"]);
    assert_eq!(texts(store, bob, trip), ["first"]);
}
