//! Accounts that do not know each other.

use sql::{Conversation, Entry, EventBody, Operation, Outcome, Store, Submission};
use wire::limit::{REQUEST_MESSAGES_MAX, REQUESTS_OPEN_MAX};
use wire::{AccountId, Code, MessageId, Peer, Seq};

use crate::revise::{edit, react};
use crate::{NOW, account, act, code, commit, events, post, say};

const END: MessageId = MessageId(i64::MAX);

cases! {
    REQUEST, const ALL:
    a_few_messages_wait_for_an_answer,
    a_batch_counts_like_one_after_another,
    who_is_written_to_by_two_at_once_knows_both,
    nothing_betrays_how_a_request_fares,
    accepting_sends_the_receipts_reached_so_far,
    so_does_answering_and_before_the_answer,
    what_waits_is_revised_without_a_word,
    what_is_declined_is_out_of_sight_until_one_writes,
    what_does_not_wait_is_neither_accepted_nor_declined,
    declined_and_blocked_look_like_pending,
    so_many_requests_may_be_open,
    strangers_have_no_retention_to_set,
    a_deleted_account_asks_nothing_and_is_asked_nothing,
    requests_are_exported,
}

pub fn people<const N: usize>(store: &Store) -> [AccountId; N] {
    let names = ["Alice", "Bob", "Carol", "Dave"];
    std::array::from_fn(|place| account(store, names[place]))
}

/// Says something, which may be refused.
pub fn tries(store: &Store, from: AccountId, to: AccountId) -> Outcome {
    act(store, from, post(from, to, "hello", None).operation)
}

pub fn accept(id: AccountId) -> Operation {
    Operation::Accept { id }
}

pub fn decline(id: AccountId) -> Operation {
    Operation::Decline { id }
}

/// The two have written to each other.
pub fn meet(store: &Store, one: AccountId, other: AccountId) {
    assert_eq!(tries(store, one, other), Outcome::Done);
    assert_eq!(tries(store, other, one), Outcome::Done);
}

pub fn listed(store: &Store, who: AccountId, other: AccountId) -> Option<Conversation> {
    let all = store.conversations(who, END, 1000).unwrap();
    all.into_iter().find(|it| it.with == Peer::Account(other))
}

pub fn texts(store: &Store, who: AccountId, other: AccountId) -> Vec<String> {
    let found = store.history(who, Peer::Account(other), END, 100).unwrap().unwrap();
    found.into_iter().rev().map(|message| message.content).collect()
}

/// Of each message in a log whether it came as a request.
pub fn requests(store: &Store, who: AccountId) -> Vec<bool> {
    let turn = |what| match what {
        EventBody::Entry(Entry::Message(message)) => Some(message.request),
        _ => None,
    };
    events(store, who, Seq(0)).into_iter().filter_map(turn).collect()
}

/// What happened besides messages.
fn others(store: &Store, who: AccountId) -> Vec<EventBody> {
    let all = events(store, who, Seq(0)).into_iter();
    all.filter(|what| !matches!(what, EventBody::Entry(_))).collect()
}

fn a_few_messages_wait_for_an_answer(store: &Store) {
    let [alice, bob] = people(store);
    for _ in 0..REQUEST_MESSAGES_MAX {
        assert_eq!(tries(store, alice, bob), Outcome::Done);
    }
    assert_eq!(code(&tries(store, alice, bob)), Some(Code::NotAccepted));
    assert_eq!(requests(store, bob), [true; REQUEST_MESSAGES_MAX as usize]);
    assert_eq!(requests(store, alice), requests(store, bob), "her other devices hear the same");
    assert!(listed(store, bob, alice).unwrap().request);
    assert!(!listed(store, alice, bob).unwrap().request);
    assert_eq!(tries(store, bob, alice), Outcome::Done, "he answers");
    assert_eq!(tries(store, alice, bob), Outcome::Done);
    let last: Vec<_> = requests(store, bob).split_off(REQUEST_MESSAGES_MAX as usize);
    assert_eq!(last, [false, false], "they know each other");
    assert!(!listed(store, bob, alice).unwrap().request);
    assert_eq!(tries(store, alice, alice), Outcome::Done);
    assert!(!requests(store, alice).pop().unwrap(), "everybody knows oneself");
}

fn a_batch_counts_like_one_after_another(store: &Store) {
    let [alice, bob, carol] = people(store);
    let many = REQUEST_MESSAGES_MAX as usize + 2;
    let submissions =
        (0..many).flat_map(|_| [post(alice, bob, "x", None), post(alice, carol, "x", None)]);
    let outcomes = commit(store, submissions.collect()).outcomes;
    let refused = outcomes.iter().map(|it| code(it) == Some(Code::NotAccepted));
    let expected = (0..2 * many).map(|n| n >= 2 * REQUEST_MESSAGES_MAX as usize);
    assert_eq!(refused.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    // The answer comes between them.
    let submissions = [(alice, bob), (bob, alice), (alice, bob), (alice, carol)];
    let submissions = submissions.map(|(from, to)| post(from, to, "x", None)).to_vec();
    let refused: Vec<_> =
        commit(store, submissions).outcomes.iter().map(|it| code(it).is_some()).collect();
    assert_eq!(refused, [true, false, false, true]);
    // What is refused keeps no `ref`, and is not counted.
    let [alice, bob] = people(store);
    let submissions = (0..many).map(|_| post(alice, bob, "x", Some("same"))).collect();
    assert!(commit(store, submissions).outcomes.iter().all(|it| code(it).is_none()), "stored once");
    for _ in 1..REQUEST_MESSAGES_MAX {
        assert_eq!(tries(store, alice, bob), Outcome::Done);
    }
    let again = || commit(store, vec![post(alice, bob, "y", Some("late"))]).outcomes.remove(0);
    assert_eq!(code(&again()), Some(Code::NotAccepted));
    act(store, bob, accept(alice));
    assert_eq!(again(), Outcome::Done);
}

fn who_is_written_to_by_two_at_once_knows_both(store: &Store) {
    let [alice, bob, carol] = people(store);
    let submissions = [(alice, bob), (carol, bob), (bob, alice), (bob, carol)];
    let submissions = submissions.map(|(from, to)| post(from, to, "x", None)).to_vec();
    assert_eq!(commit(store, submissions).outcomes, vec![Outcome::Done; 4]);
    assert_eq!(requests(store, bob), [true, true, false, false]);
    assert_eq!(tries(store, alice, bob), Outcome::Done);
    assert!(!requests(store, bob).pop().unwrap());
}

/// Alice has written to Bob, whose devices have it; he has read it as well.
fn she_has_asked(store: &Store) -> ([AccountId; 2], MessageId) {
    let [alice, bob] = people(store);
    let id = say(store, alice, bob, "hello", "1").id;
    act(store, bob, Operation::Received { seq: Seq(1) });
    assert_eq!(act(store, bob, Operation::Read { id }), Outcome::Done);
    ([alice, bob], id)
}

fn receipts(by: AccountId, id: MessageId) -> [EventBody; 2] {
    let receipt = sql::Receipt { id, by, all: false };
    [EventBody::Delivered(receipt), EventBody::Read(receipt)]
}

fn nothing_betrays_how_a_request_fares(store: &Store) {
    let ([alice, bob], _) = she_has_asked(store);
    assert_eq!(others(store, alice), []);
    let with_bob = listed(store, alice, bob).unwrap();
    assert_eq!((with_bob.name, with_bob.other), (None, Some((MessageId(0), MessageId(0)))));
    let with_alice = listed(store, bob, alice).unwrap();
    assert_eq!((with_alice.name.as_deref(), with_alice.unread), (Some("Alice"), 0));
}

fn accepting_sends_the_receipts_reached_so_far(store: &Store) {
    let ([alice, bob], id) = she_has_asked(store);
    say(store, alice, bob, "not yet there", "2");
    assert_eq!(act(store, bob, accept(alice)), Outcome::Done);
    assert_eq!(others(store, alice), receipts(bob, id));
    assert_eq!(others(store, bob).pop(), Some(EventBody::Accept { id: alice }));
    assert_eq!(act(store, bob, accept(alice)), Outcome::Unchanged);
    assert_eq!(act(store, alice, accept(bob)), Outcome::Unchanged, "she knows him too");
    let with_bob = listed(store, alice, bob).unwrap();
    assert_eq!((with_bob.name.as_deref(), with_bob.other), (Some("Bob"), Some((id, id))));
    // From now on they come at once.
    act(store, bob, Operation::Received { seq: Seq(9) });
    assert_eq!(others(store, alice).len(), 3);
    // Also of what is acknowledged and accepted together.
    let [alice, bob] = people(store);
    let id = say(store, alice, bob, "hello", "1").id;
    let operations = [accept(alice), Operation::Received { seq: Seq(1) }, Operation::Read { id }];
    commit(
        store,
        operations.map(|operation| Submission { by: bob, reference: None, operation }).to_vec(),
    );
    assert_eq!(others(store, alice), receipts(bob, id));
    // Not to somebody who is blocked.
    let ([alice, bob], _) = she_has_asked(store);
    act(store, bob, Operation::Block { id: alice });
    assert_eq!(act(store, bob, accept(alice)), Outcome::Done);
    assert_eq!(others(store, alice), []);
}

fn so_does_answering_and_before_the_answer(store: &Store) {
    let ([alice, bob], id) = she_has_asked(store);
    assert_eq!(tries(store, bob, alice), Outcome::Done);
    let [delivered, read] = receipts(bob, id);
    assert_eq!(events(store, alice, Seq(1))[..2], [delivered, read]);
    assert_eq!(events(store, alice, Seq(0)).len(), 4);
}

fn what_waits_is_revised_without_a_word(store: &Store) {
    let ([alice, bob], id) = she_has_asked(store);
    let heard = events(store, bob, Seq(0)).len();
    for operation in [edit(id, "changed"), react(id, Some("🦜"))] {
        assert_eq!(act(store, alice, operation), Outcome::Done);
    }
    assert_eq!(events(store, bob, Seq(0)).len(), heard);
    assert_eq!(texts(store, bob, alice), ["changed"]);
    let emojis = |who| {
        let found = store.reactions(who, [id].into_iter()).unwrap();
        found.into_values().flatten().map(|it| it.emoji).collect::<Vec<_>>()
    };
    assert_eq!(emojis(bob), ["🦜"]);
    // Nor does she learn of his before he has accepted.
    let asked = events(store, alice, Seq(0)).len();
    assert_eq!(act(store, bob, react(id, Some("👍"))), Outcome::Done);
    assert_eq!(events(store, alice, Seq(0)).len(), asked);
    assert_eq!((emojis(alice).len(), emojis(bob).len()), (1, 2));
    act(store, bob, accept(alice));
    assert_eq!(emojis(alice).len(), 2);
    act(store, alice, Operation::Delete { id });
    assert_eq!(others(store, bob).pop(), Some(EventBody::Delete { id }), "now he hears of it");
    let ([alice, bob], id) = she_has_asked(store);
    let heard = events(store, bob, Seq(0)).len();
    act(store, alice, Operation::Delete { id });
    assert_eq!(
        (events(store, bob, Seq(0)).len(), texts(store, bob, alice)),
        (heard, vec![String::new()])
    );
}

fn what_is_declined_is_out_of_sight_until_one_writes(store: &Store) {
    for ends_by in [accept as fn(AccountId) -> Operation, |id| post(id, id, "hi", None).operation] {
        let ([alice, bob], _) = she_has_asked(store);
        assert_eq!(act(store, bob, decline(alice)), Outcome::Done);
        assert_eq!(act(store, bob, decline(alice)), Outcome::Unchanged);
        assert_eq!(others(store, bob).pop(), Some(EventBody::Decline { id: alice }));
        assert_eq!(listed(store, bob, alice), None);
        assert!(store.search(bob, "hello", END, 9).unwrap().is_empty());
        assert_eq!(store.search(alice, "hello", END, 9).unwrap().len(), 1);
        let heard = events(store, bob, Seq(0)).len();
        assert_eq!(tries(store, alice, bob), Outcome::Done);
        assert_eq!(events(store, bob, Seq(0)).len(), heard);
        assert_eq!(texts(store, bob, alice).len(), 1);
        let operation = match ends_by(alice) {
            Operation::Post { .. } => post(bob, alice, "hi", None).operation,
            operation => operation,
        };
        assert_eq!(act(store, bob, operation), Outcome::Done);
        assert!(listed(store, bob, alice).is_some_and(|it| !it.request));
        assert_eq!(store.search(bob, "hello", END, 9).unwrap().len(), 1, "not what came meanwhile");
        assert_eq!(tries(store, alice, bob), Outcome::Done);
        assert!(matches!(events(store, bob, Seq(0)).pop(), Some(EventBody::Entry(_))));
    }
}

fn what_does_not_wait_is_neither_accepted_nor_declined(store: &Store) {
    let [alice, bob, carol] = people(store);
    tries(store, alice, bob);
    for (by, id) in [(alice, bob), (alice, carol), (carol, alice), (alice, AccountId(i64::MAX))] {
        for operation in [accept(id), decline(id)] {
            assert_eq!(code(&act(store, by, operation)), Some(Code::NotFound), "{by:?} {id:?}");
        }
    }
    meet(store, bob, carol);
    for (by, id) in [(bob, carol), (carol, bob), (alice, alice)] {
        assert_eq!(act(store, by, accept(id)), Outcome::Unchanged);
        assert_eq!(code(&act(store, by, decline(id))), Some(Code::Forbidden));
    }
}

fn declined_and_blocked_look_like_pending(store: &Store) {
    let story = |does: &dyn Fn(AccountId, AccountId)| {
        let [alice, bob] = people(store);
        does(alice, bob);
        let outcomes: Vec<_> = (0..7).map(|_| tries(store, alice, bob)).collect();
        act(store, bob, Operation::Received { seq: Seq(99) });
        let with_bob = listed(store, alice, bob).map(|it| (it.name, it.other, it.request));
        let presence = store.contact_statuses(alice, &[bob]).unwrap().len();
        let retained = code(&act(
            store,
            alice,
            Operation::SetRetention { with: Peer::Account(bob), days: Some(1) },
        ));
        let accepted = code(&act(store, alice, accept(bob)));
        let heard = (requests(store, alice), others(store, alice).len());
        (
            outcomes,
            with_bob,
            presence,
            retained,
            accepted,
            heard,
            store.public_profile(alice, bob).unwrap(),
        )
    };
    let pending = story(&|_, _| {});
    assert_eq!(pending.0.iter().filter(|it| **it == Outcome::Done).count(), 5);
    let blocked = story(&|alice, bob| {
        assert_eq!(act(store, bob, Operation::Block { id: alice }), Outcome::Done)
    });
    assert_eq!(blocked, pending);
    // One of the five is what was declined.
    let mut declined = story(&|alice, bob| {
        tries(store, alice, bob);
        assert_eq!(act(store, bob, decline(alice)), Outcome::Done);
    });
    assert_eq!(declined.0.remove(4), pending.0[5]);
    declined.0.insert(0, Outcome::Done);
    assert_eq!(declined, pending);
}

fn so_many_requests_may_be_open(store: &Store) {
    let [alice, bob] = people(store);
    let strangers: Vec<_> = (0..=REQUESTS_OPEN_MAX).map(|_| account(store, "Somebody")).collect();
    let [first, second] = [strangers[0], strangers[1]];
    act(store, second, Operation::Block { id: alice });
    let all = || strangers.iter().map(|to| post(alice, *to, "hello", None)).collect();
    let refused: Vec<_> = commit(store, all()).outcomes.iter().map(code).collect();
    assert_eq!(refused.iter().filter(|it| it.is_none()).count() as i64, REQUESTS_OPEN_MAX);
    assert_eq!(refused.last(), Some(&Some(Code::NotAccepted)));
    assert_eq!(code(&tries(store, alice, bob)), Some(Code::NotAccepted));
    assert_eq!(tries(store, alice, first), Outcome::Done, "one that is open");
    act(store, first, decline(alice));
    assert_eq!(code(&tries(store, alice, bob)), Some(Code::NotAccepted), "declined is open");
    tries(store, bob, alice);
    assert_eq!(tries(store, alice, bob), Outcome::Done, "an answer");
    let [carol] = people(store);
    let submissions = [(first, alice), (alice, carol)].map(|(from, to)| post(from, to, "x", None));
    assert_eq!(commit(store, submissions.to_vec()).outcomes, [Outcome::Done, Outcome::Done]);
}

fn strangers_have_no_retention_to_set(store: &Store) {
    let [alice, bob] = people(store);
    let retain = |by, other| {
        act(store, by, Operation::SetRetention { with: Peer::Account(other), days: Some(9) })
    };
    assert_eq!(code(&retain(alice, bob)), Some(Code::NotAccepted));
    assert_eq!(events(store, bob, Seq(0)), []);
    tries(store, alice, bob);
    for (by, other) in [(alice, bob), (bob, alice)] {
        assert_eq!(code(&retain(by, other)), Some(Code::NotAccepted));
    }
    act(store, bob, accept(alice));
    assert_eq!(retain(alice, bob), Outcome::Done);
    assert_eq!(retain(alice, alice), Outcome::Done);
}

fn a_deleted_account_asks_nothing_and_is_asked_nothing(store: &Store) {
    let [alice, bob, carol, dave] = people(store);
    for (by, other) in [(alice, bob), (bob, carol), (bob, dave)] {
        tries(store, by, other);
    }
    act(store, dave, decline(bob));
    store.record_found_account(alice, bob, NOW).unwrap();
    store.record_found_account(bob, alice, NOW).unwrap();
    store.delete_account(bob, NOW).unwrap();
    assert_eq!(
        (store.found_accounts(alice).unwrap(), store.found_accounts(bob).unwrap()),
        (vec![], vec![])
    );
    assert!(!listed(store, carol, bob).unwrap().request, "nobody waits for an answer");
    assert_eq!(listed(store, dave, bob), None, "what was declined stays out of sight");
    assert_eq!(code(&act(store, carol, accept(bob))), Some(Code::NotFound));
    // It no longer counts among hers.
    let others: Vec<_> = (0..REQUESTS_OPEN_MAX).map(|_| account(store, "Somebody")).collect();
    let submissions = others.iter().map(|to| post(alice, *to, "hello", None)).collect();
    assert!(commit(store, submissions).outcomes.iter().all(|it| *it == Outcome::Done));
}

fn requests_are_exported(store: &Store) {
    let ([alice, bob], _) = she_has_asked(store);
    act(store, bob, decline(alice));
    let kept = |who| {
        let kept = store.exported_conversations(who, 0, 9).unwrap().remove(0);
        (kept.asker, kept.is_declined)
    };
    assert_eq!((kept(alice), kept(bob)), ((Some(alice), false), (Some(alice), true)));
    act(store, bob, accept(alice));
    assert_eq!((kept(alice), kept(bob)), ((None, false), (None, false)));
}
