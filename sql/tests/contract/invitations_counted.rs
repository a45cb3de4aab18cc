//! How many may be invited.

use sql::{GroupAction, Operation, Outcome, Store, Submission};
use wire::limit::{GROUP_MEMBERS_MAX, REQUEST_MESSAGES_MAX, REQUESTS_OPEN_MAX};
use wire::{AccountId, Change, Code, GroupId, MessageId, Peer, Role, Seq};

use crate::groups::{change, changes, members};
use crate::invitations::{create, listed, made, meet, people};
use crate::{account, act, code, commit, events, group, post, post_to};

cases! {
    REQUEST:
    an_invitation_counts_like_a_message,
    fifty_may_be_open,
    a_message_to_a_group_of_strangers_is_one_event,
    invitations_both_ways_take_no_message_with_them,
    who_is_not_heard_keeps_nobody_from_being_invited,
    what_was_taken_back_stays_open,
    strangers_are_not_reached_one_after_the_other,
    a_group_that_ends_leaves_its_invitations_open,
    to_invite_is_no_answer,
    what_both_have_invited_to_counts_for_each,
    who_is_invited_counts_as_a_member,
}

fn an_invitation_counts_like_a_message(store: &Store) {
    let [alice, bob] = people(store);
    let say = || commit(store, vec![post(alice, bob, "hello", None)]).outcomes.remove(0);
    assert_eq!(say(), Outcome::Done);
    let groups: Vec<_> = (1..REQUEST_MESSAGES_MAX).map(|_| made(store, alice, &[bob])).collect();
    let head = events(store, alice, Seq(0)).len();
    let is_full = || {
        assert_eq!(code(&act(store, alice, create(&[bob]))), Some(Code::NotAccepted));
        assert_eq!(code(&say()), Some(Code::NotAccepted));
        let [carol] = people(store);
        assert_eq!(code(&act(store, alice, create(&[bob, carol]))), Some(Code::NotAccepted));
        assert!(events(store, carol, Seq(0)).is_empty(), "nothing is made");
    };
    is_full();
    assert_eq!(events(store, alice, Seq(0)).len(), head);
    // Declined or taken back: else she could go on for ever.
    act(store, bob, Operation::DeclineInvitation { group: groups[0] });
    act(store, alice, change(groups[1], GroupAction::Remove(bob)));
    is_full();
    let add = act(store, alice, change(groups[1], GroupAction::Add(bob)));
    assert_eq!(code(&add), Some(Code::NotAccepted));
    assert_eq!(act(store, bob, Operation::JoinGroup { group: groups[2] }), Outcome::Done);
    assert_eq!(say(), Outcome::Done, "what is accepted does not wait");
    is_full();
    meet(store, bob, alice);
    assert_eq!(act(store, alice, create(&[bob])), Outcome::Done);
    assert_eq!(changes(store, bob).last(), Some(&(Change::Create, alice, None)));
}

fn fifty_may_be_open(store: &Store) {
    let [alice] = people(store);
    let others: Vec<_> = (0..=REQUESTS_OPEN_MAX).map(|_| account(store, "Somebody")).collect();
    let (last, others) = others.split_last().unwrap();
    let all: Vec<_> = others.iter().chain([last]).copied().collect();
    assert_eq!(code(&act(store, alice, create(&all))), Some(Code::NotAccepted));
    let crowd = made(store, alice, others);
    let add = || act(store, alice, change(crowd, GroupAction::Add(*last)));
    assert_eq!(code(&add()), Some(Code::NotAccepted));
    assert_eq!(act(store, others[0], Operation::JoinGroup { group: crowd }), Outcome::Done);
    assert_eq!(add(), Outcome::Done);
    let again = post(alice, others[0], "hello", None);
    let refused = commit(store, vec![again]).outcomes.remove(0);
    assert_eq!(code(&refused), Some(Code::NotAccepted), "they do not know each other yet");
}

fn a_message_to_a_group_of_strangers_is_one_event(store: &Store) {
    let [alice] = people(store);
    let crowd = made(store, alice, &somebodies(store, REQUESTS_OPEN_MAX));
    let submissions =
        vec![Submission { by: alice, reference: None, operation: post_to(crowd, "hello all") }];
    let committed = commit(store, submissions);
    let told: Vec<_> = committed.events.iter().flat_map(|news| &news.to).collect();
    assert!(matches!(told[..], [(who, _)] if *who == alice), "{told:?}");
}

fn who_is_not_heard_keeps_nobody_from_being_invited(store: &Store) {
    for (is_declined, is_known) in [(false, false), (false, true), (true, false), (true, true)] {
        let [alice, mallory, carol, dave] = people(store);
        [carol, dave].into_iter().for_each(|who| meet(store, mallory, who));
        if is_known {
            meet(store, carol, alice);
        }
        if is_declined {
            commit(store, vec![post(mallory, alice, "hello", None)]);
            act(store, alice, Operation::Decline { id: mallory });
        } else {
            act(store, alice, Operation::Block { id: mallory });
        }
        act(store, alice, Operation::Block { id: dave });
        let trip = made(store, mallory, &[alice, carol, dave]);
        for who in [carol, dave] {
            act(store, mallory, change(trip, GroupAction::Promote(who)));
        }
        let heads = || [alice, mallory, carol].map(|who| events(store, who, Seq(0)).len());
        let before = heads();
        for (by, heard) in [(mallory, 0), (dave, 0), (carol, 1), (carol, 1), (mallory, 1)] {
            assert_eq!(act(store, by, change(trip, GroupAction::Add(alice))), Outcome::Unchanged);
            assert_eq!(
                heads(),
                [before[0] + heard, before[1], before[2]],
                "the group hears nothing"
            );
        }
        assert_eq!(changes(store, alice), [(Change::Invite, carol, Some(alice))]);
        let line = listed(store, alice).into_iter().find(|it| it.with == Peer::Group(trip));
        assert_eq!(line.unwrap().role, Some(Role::Invited));
        let kept = store.exported_invitations(alice, GroupId(0), 9).unwrap();
        assert_eq!(kept.iter().map(|it| it.by).collect::<Vec<_>>(), [carol]);
        // What she has declined she is not asked again.
        act(store, alice, Operation::DeclineInvitation { group: trip });
        let before = heads();
        assert_eq!(act(store, carol, change(trip, GroupAction::Add(alice))), Outcome::Unchanged);
        assert_eq!(heads(), before);
    }
}

fn somebodies(store: &Store, count: i64) -> Vec<AccountId> {
    (0..count).map(|_| account(store, "Somebody")).collect()
}

fn what_was_taken_back_stays_open(store: &Store) {
    let [alice, last, other, third] = people(store);
    let others = somebodies(store, REQUESTS_OPEN_MAX);
    let crowd = made(store, alice, &others);
    let add = |who| act(store, alice, change(crowd, GroupAction::Add(who)));
    let remove = |who| act(store, alice, change(crowd, GroupAction::Remove(who)));
    assert_eq!(code(&add(last)), Some(Code::NotAccepted));
    // What was declined is open, since nobody is told. So is what was taken back, declined before or not.
    act(store, others[0], Operation::DeclineInvitation { group: crowd });
    assert_eq!(code(&add(last)), Some(Code::NotAccepted));
    for who in [others[0], others[1]] {
        assert_eq!(remove(who), Outcome::Done);
        assert_eq!(code(&add(last)), Some(Code::NotAccepted));
    }
    // Who is asked already may be asked again, and is one open request all the same.
    assert_eq!(add(others[0]), Outcome::Done);
    assert_eq!(code(&add(last)), Some(Code::NotAccepted));
    // Who accepts one invitation has answered: one that was taken back counts among the five and nowhere else.
    assert_eq!(act(store, others[0], Operation::JoinGroup { group: crowd }), Outcome::Done);
    assert_eq!(add(last), Outcome::Done);
    assert_eq!(code(&add(other)), Some(Code::NotAccepted));
    for n in 1..REQUEST_MESSAGES_MAX {
        commit(store, vec![post(alice, last, &n.to_string(), None)]);
    }
    assert_eq!(code(&act(store, alice, create(&[last]))), Some(Code::NotAccepted));
    // Asked anew it is open anew.
    act(store, last, Operation::Accept { id: alice });
    commit(store, vec![post(alice, others[0], "hello", None)]);
    assert_eq!(code(&add(other)), Some(Code::NotAccepted));
    // Accepting who asks, or writing to it, answers what was taken back as well.
    assert_eq!(act(store, others[1], Operation::Accept { id: alice }), Outcome::Done);
    assert_eq!(add(other), Outcome::Done);
    assert_eq!(remove(other), Outcome::Done);
    assert_eq!(code(&add(third)), Some(Code::NotAccepted));
    commit(store, vec![post(other, alice, "who are you?", None)]);
    assert_eq!(add(third), Outcome::Done);
}

fn strangers_are_not_reached_one_after_the_other(store: &Store) {
    let [alice] = people(store);
    let trip = made(store, alice, &[]);
    let all = somebodies(store, REQUESTS_OPEN_MAX + 5);
    let reached = all.iter().filter(|who| {
        let added = act(store, alice, change(trip, GroupAction::Add(**who)));
        act(store, alice, change(trip, GroupAction::Remove(**who)));
        added == Outcome::Done
    });
    assert_eq!(reached.count() as i64, REQUESTS_OPEN_MAX);
    let told = all.iter().filter(|who| !events(store, **who, Seq(0)).is_empty());
    assert_eq!(told.count() as i64, REQUESTS_OPEN_MAX);
}

fn a_group_that_ends_leaves_its_invitations_open(store: &Store) {
    let [alice, other] = people(store);
    let others = somebodies(store, REQUESTS_OPEN_MAX);
    let crowd = made(store, alice, &others);
    assert_eq!(act(store, alice, change(crowd, GroupAction::Leave)), Outcome::Done);
    assert_eq!(code(&act(store, alice, create(&[other]))), Some(Code::NotAccepted));
    assert_eq!(act(store, others[0], Operation::Accept { id: alice }), Outcome::Done);
    made(store, alice, &[other]);
}

fn to_invite_is_no_answer(store: &Store) {
    let [alice, bob] = people(store);
    commit(store, vec![post(bob, alice, "may I?", None)]);
    let groups: Vec<_> = (0..REQUEST_MESSAGES_MAX).map(|_| made(store, alice, &[bob])).collect();
    assert_eq!(members(store, alice, groups[0])[1], (bob, Role::Invited));
    assert!(listed(store, alice).iter().any(|it| it.request), "Bob still waits");
    let is_full = || assert_eq!(code(&act(store, alice, create(&[bob]))), Some(Code::NotAccepted));
    is_full();
    act(store, bob, Operation::DeclineInvitation { group: groups[0] });
    act(store, alice, change(groups[1], GroupAction::Remove(bob)));
    is_full();
    assert_eq!(act(store, bob, Operation::JoinGroup { group: groups[2] }), Outcome::Done);
    made(store, alice, &[bob]);
    is_full();
    let again = || commit(store, vec![post(bob, alice, "may I?", None)]).outcomes.remove(0);
    (1..REQUEST_MESSAGES_MAX).for_each(|_| assert_eq!(again(), Outcome::Done));
    assert_eq!(code(&again()), Some(Code::NotAccepted), "what it is invited to is its own count");
    let answer = post(alice, bob, "you may", None);
    assert_eq!(commit(store, vec![answer]).outcomes, [Outcome::Done]);
    made(store, alice, &[bob]);
    assert_eq!(members(store, alice, groups[3])[1], (bob, Role::Invited));
}

fn invitations_both_ways_take_no_message_with_them(store: &Store) {
    let [alice, mallory] = people(store);
    let one = made(store, alice, &[mallory]);
    let other = made(store, mallory, &[alice]);
    assert_eq!(act(store, mallory, Operation::JoinGroup { group: one }), Outcome::Done);
    let head = events(store, alice, Seq(0)).len();
    let say = || commit(store, vec![post(mallory, alice, "hi", None)]).outcomes.remove(0);
    assert_eq!(say(), Outcome::Done);
    assert_eq!(act(store, alice, Operation::JoinGroup { group: other }), Outcome::Done);
    let history = || {
        let page = store.history(alice, Peer::Account(mallory), MessageId(i64::MAX), 9).unwrap();
        page.unwrap_or_default().len()
    };
    assert_eq!(history(), 1);
    assert_eq!(events(store, alice, Seq(0)).len(), head + 2, "the message and the joining");
    // It still counts.
    (1..REQUEST_MESSAGES_MAX).for_each(|_| assert_eq!(say(), Outcome::Done));
    assert_eq!(code(&say()), Some(Code::NotAccepted));
    assert_eq!(history(), REQUEST_MESSAGES_MAX as usize);
}

fn what_both_have_invited_to_counts_for_each(store: &Store) {
    let [alice, bob] = people(store);
    let by_alice = made(store, alice, &[bob]);
    let by_bob: Vec<_> = (0..REQUEST_MESSAGES_MAX).map(|_| made(store, bob, &[alice])).collect();
    let is_full = || assert_eq!(code(&act(store, bob, create(&[alice]))), Some(Code::NotAccepted));
    is_full();
    // Only Bob asks from now on, as often as before.
    assert_eq!(act(store, bob, Operation::JoinGroup { group: by_alice }), Outcome::Done);
    is_full();
    assert_eq!(act(store, alice, Operation::JoinGroup { group: by_bob[0] }), Outcome::Done);
    let group = made(store, bob, &[alice]);
    is_full();
    for group in by_bob[1..].iter().chain([&group]) {
        assert_eq!(act(store, alice, Operation::JoinGroup { group: *group }), Outcome::Done);
    }
    // Nothing waits any more, and they are strangers.
    for _ in 0..REQUEST_MESSAGES_MAX {
        made(store, bob, &[alice]);
    }
    is_full();
}

fn who_is_invited_counts_as_a_member(store: &Store) {
    let people: Vec<_> = (0..=GROUP_MEMBERS_MAX).map(|_| account(store, "Somebody")).collect();
    let (last, people) = people.split_last().unwrap();
    let alice = people[0];
    for who in people[1..].iter().chain([last]) {
        meet(store, alice, *who);
    }
    let crowd = group(store, people);
    let add = |who: AccountId| act(store, alice, change(crowd, GroupAction::Add(who)));
    act(store, people[1], change(crowd, GroupAction::Leave));
    assert_eq!(add(people[1]), Outcome::Done);
    assert_eq!(members(store, alice, crowd).last(), Some(&(people[1], Role::Invited)));
    assert_eq!(code(&add(*last)), Some(Code::TooMany));
    // Also if it has declined: that is told nobody.
    act(store, people[1], Operation::DeclineInvitation { group: crowd });
    assert_eq!(code(&add(*last)), Some(Code::TooMany));
    act(store, alice, change(crowd, GroupAction::Remove(people[1])));
    assert_eq!(add(*last), Outcome::Done);
}
