//! Subscriptions to Web Push: who is to be told, who sends it, and when.

use std::collections::HashSet;

use sql::{
    PUSH_CLAIM_MS, PUSH_HOST_INTERVAL_MS, PUSH_INTERVAL_MS, PUSH_TRIES_MAX, PushBounds,
    PushOutcome, PushQuery, PushSubscription, SettingsChange, Store, Subscribed,
};
use wire::{AccountId, Peer, Seq, SessionId};

use crate::sessions::open;
use crate::{NOW, account, act, commit, group, own, post, post_to, say};

cases! {
    OPEN:
    all_servers_have_one_key,
    a_session_has_one_subscription_which_goes_with_it,
    a_browser_is_subscribed_once,
    subscriptions_are_bounded,
    messages_of_others_are_pushed_and_nothing_else,
    a_muted_conversation_is_not_pushed,
    a_push_is_claimed_once,
    a_subscription_is_pushed_once_in_an_interval_until_its_client_is_back,
    a_host_is_sent_to_once_in_an_interval,
    what_fails_is_tried_again_for_a_while,
    what_comes_while_a_push_is_sent_is_pushed_later,
    a_push_without_an_outcome_is_due_again,
    hosts_without_subscriptions_are_forgotten,
}

mod strangers {
    use super::*;

    cases! {
        REQUEST:
        a_request_is_not_pushed,
    }

    fn a_request_is_not_pushed(store: &Store) {
        let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
        subscribe(store, bob, 1);
        say(store, alice, bob, "may I", "r");
        assert_eq!(wanted(store, bob), []);
        let answered = say(store, bob, alice, "you may", "r");
        say(store, alice, bob, "thanks", "r2");
        assert_eq!(wanted_after(store, bob, answered.sender_seq).len(), 1);
    }
}

const BOUNDS: PushBounds = PushBounds { per_account: 3, in_all: 1_000_000 };

fn subscription(account: AccountId, session: SessionId, host: &str) -> PushSubscription {
    PushSubscription {
        session,
        account,
        host: host.to_owned(),
        endpoint: format!("https://{host}/{account}/{session}"),
        p256dh: vec![4; 65],
        auth: vec![7; 16],
    }
}

/// A host that no other test has on the same database.
fn host(account: AccountId) -> String {
    format!("push-{account}.example")
}

/// A subscription of a new session.
fn subscribe(store: &Store, account: AccountId, number: u8) -> PushSubscription {
    let session = open(store, account, number).unwrap();
    let new = subscription(account, session, &host(account));
    assert_eq!(store.subscribe_push(&new, BOUNDS, NOW).unwrap(), Subscribed::Yes);
    new
}

fn wanted_after(store: &Store, account: AccountId, after: Seq) -> Vec<SessionId> {
    let query = PushQuery { account, session: None, after };
    let found = store.subscriptions_to_mark(&[query], NOW).unwrap();
    assert!(found.iter().all(|(found, _)| *found == account));
    found.into_iter().map(|(_, session)| session).collect()
}

fn wanted(store: &Store, account: AccountId) -> Vec<SessionId> {
    wanted_after(store, account, Seq(0))
}

fn due(store: &Store, host: &str, now: i64) -> Vec<SessionId> {
    let found = store.due_pushes(host, 99, now).unwrap();
    found.into_iter().map(|(session, _)| session).collect()
}

fn claim(store: &Store, to: &PushSubscription, now: i64) -> Option<i64> {
    let claimed = store.claim_push(to.session, &to.host, now).unwrap()?;
    assert!(claimed.to == *to, "another subscription");
    Some(claimed.failures)
}

fn all_servers_have_one_key(store: &Store) {
    let first = store.push_key(|| Ok(b"first".to_vec())).unwrap();
    assert_eq!(first, b"first");
    assert_eq!(store.push_key(|| panic!("there is one")).unwrap(), first);
}

fn a_session_has_one_subscription_which_goes_with_it(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let first = subscribe(store, bob, 1);
    let second = subscribe(store, bob, 2);
    say(store, alice, bob, "hi", "r");
    assert_eq!(wanted(store, bob).len(), 2);
    // Another endpoint takes its place.
    let moved = PushSubscription { endpoint: format!("{}x", first.endpoint), ..first.clone() };
    assert_eq!(store.subscribe_push(&moved, BOUNDS, NOW).unwrap(), Subscribed::Yes);
    assert_eq!(wanted(store, bob).len(), 2);
    // The push service may still speak of the endpoint that was.
    store.remove_push(&first).unwrap();
    assert_eq!(wanted(store, bob).len(), 2);
    store.remove_push(&moved).unwrap();
    assert_eq!(wanted(store, bob), [second.session]);
    assert!(store.revoke(bob, second.session, NOW).unwrap());
    assert_eq!(wanted(store, bob), []);
    assert_eq!(store.subscribe_push(&second, BOUNDS, NOW).unwrap(), Subscribed::NoSession);
    let third = subscribe(store, bob, 3);
    let exported = store.exported_pushes(bob).unwrap();
    assert_eq!(exported.len(), 1);
    assert!(exported[0].session == third.session && exported[0].endpoint == third.endpoint);
    store.unsubscribe_push(alice, third.session).unwrap();
    assert_eq!(wanted(store, bob), [third.session], "somebody else's");
    store.unsubscribe_push(bob, third.session).unwrap();
    assert_eq!(wanted(store, bob), []);
    subscribe(store, bob, 4);
    assert!(store.delete_account(bob, NOW).unwrap());
    assert_eq!(wanted(store, bob), []);
}

fn a_browser_is_subscribed_once(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let of_bob = subscribe(store, bob, 1);
    say(store, alice, bob, "hi", "r");
    say(store, bob, alice, "hi", "r");
    assert_eq!(wanted(store, bob), [of_bob.session]);
    // Alice logs in with the same browser.
    let session = open(store, alice, 1).unwrap();
    let of_alice = PushSubscription { session, account: alice, ..of_bob.clone() };
    assert_eq!(store.subscribe_push(&of_alice, BOUNDS, NOW).unwrap(), Subscribed::Yes);
    assert_eq!((wanted(store, bob), wanted(store, alice)), (vec![], vec![session]));
}

fn subscriptions_are_bounded(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    say(store, alice, bob, "hi", "r");
    let sessions: Vec<_> = (0..4).map(|number| open(store, bob, number).unwrap()).collect();
    for (session, at) in sessions.iter().zip(NOW..) {
        let new = subscription(bob, *session, &host(bob));
        assert_eq!(store.subscribe_push(&new, BOUNDS, at).unwrap(), Subscribed::Yes);
    }
    let left: HashSet<_> = wanted(store, bob).into_iter().collect();
    assert_eq!(left, sessions[1..].iter().copied().collect(), "the oldest has ended");
    let session = open(store, alice, 1).unwrap();
    let new = subscription(alice, session, &host(alice));
    let none = PushBounds { in_all: 3, ..BOUNDS };
    assert_eq!(store.subscribe_push(&new, none, NOW).unwrap(), Subscribed::Full);
    // What is there already may change.
    let again = subscription(bob, sessions[3], &host(alice));
    assert_eq!(store.subscribe_push(&again, none, NOW).unwrap(), Subscribed::Yes);
}

fn messages_of_others_are_pushed_and_nothing_else(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let to = subscribe(store, bob, 1);
    let trip = group(store, &[alice, bob]);
    say(store, bob, alice, "mine", "r");
    assert_eq!(wanted(store, bob), [], "a group, and own words");
    let said = say(store, alice, bob, "hi", "r");
    assert_eq!(wanted(store, bob), [to.session]);
    assert_eq!(wanted_after(store, bob, said.recipient_seq), [], "it has that");
    let other = PushQuery { account: bob, session: Some(SessionId(i64::MAX)), after: Seq(0) };
    assert_eq!(store.subscriptions_to_mark(&[other], NOW).unwrap(), []);
    let own = PushQuery { session: Some(to.session), ..other };
    assert_eq!(store.subscriptions_to_mark(&[own], NOW).unwrap(), [(bob, to.session)]);
    act(store, alice, sql::Operation::Delete { id: said.id });
    assert_eq!(wanted(store, bob), [], "it is deleted");
    act(store, alice, post_to(trip, "to all"));
    assert_eq!(wanted(store, bob), [to.session]);
}

fn a_muted_conversation_is_not_pushed(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let to = subscribe(store, bob, 1);
    say(store, alice, bob, "hi", "r");
    let mute =
        |until| SettingsChange { muted_until: Some(Some(until)), ..SettingsChange::default() };
    act(store, bob, own::set(Peer::Account(alice), mute(NOW + 1)));
    assert_eq!(wanted(store, bob), []);
    act(store, bob, own::set(Peer::Account(alice), mute(NOW)));
    assert_eq!(wanted(store, bob), [to.session], "no longer");
}

fn a_push_is_claimed_once(store: &Store) {
    let to = subscribe(store, account(store, "Bob"), 1);
    assert_eq!(claim(store, &to, NOW), None, "nothing is marked");
    let now = NOW + PUSH_HOST_INTERVAL_MS;
    store.mark_pushes(&[to.session], now).unwrap();
    assert_eq!(due(store, &to.host, now), [to.session]);
    assert_eq!(claim(store, &to, now), Some(0));
    assert_eq!(claim(store, &to, now), None);
    assert_eq!(claim(store, &to, now + PUSH_HOST_INTERVAL_MS), None);
    store.record_push_outcome(to.session, PushOutcome::Sent).unwrap();
    assert_eq!(claim(store, &to, now + PUSH_CLAIM_MS), None);
    // Several at once.
    let (later, many) = (now + 2 * PUSH_CLAIM_MS, 4);
    store.mark_pushes(&[to.session], later).unwrap();
    let claimed = std::thread::scope(|scope| {
        let claims: Vec<_> =
            (0..many).map(|_| scope.spawn(|| claim(store, &to, later).is_some())).collect();
        claims.into_iter().map(|claim| usize::from(claim.join().unwrap())).sum::<usize>()
    });
    assert_eq!(claimed, 1);
}

fn a_subscription_is_pushed_once_in_an_interval_until_its_client_is_back(store: &Store) {
    let to = subscribe(store, account(store, "Bob"), 1);
    let send = |now| {
        store.mark_pushes(&[to.session], now).unwrap();
        let is_claimed = claim(store, &to, now).is_some();
        if is_claimed {
            store.record_push_outcome(to.session, PushOutcome::Sent).unwrap();
        }
        is_claimed
    };
    assert!(send(NOW));
    assert!(!send(NOW + PUSH_INTERVAL_MS - 1));
    assert!(send(NOW + PUSH_INTERVAL_MS), "what was marked meanwhile");
    let soon = NOW + PUSH_INTERVAL_MS + PUSH_HOST_INTERVAL_MS;
    assert!(!send(soon));
    store.reset_pushes(&[to.session]).unwrap();
    assert_eq!(due(store, &to.host, soon + PUSH_INTERVAL_MS), [], "it has that");
    assert!(send(soon));
}

fn a_host_is_sent_to_once_in_an_interval(store: &Store) {
    let bob = account(store, "Bob");
    let (one, two) = (subscribe(store, bob, 1), subscribe(store, bob, 2));
    store.mark_pushes(&[one.session, two.session], NOW).unwrap();
    assert_eq!(claim(store, &one, NOW), Some(0));
    let just_before = NOW + PUSH_HOST_INTERVAL_MS - 1;
    assert!(!store.due_push_hosts(usize::MAX, just_before).unwrap().contains(&one.host));
    assert_eq!(claim(store, &two, just_before), None);
    assert_eq!(due(store, &two.host, just_before + 1), [two.session]);
    assert_eq!(claim(store, &two, just_before + 1), Some(0));
}

fn what_fails_is_tried_again_for_a_while(store: &Store) {
    let to = subscribe(store, account(store, "Bob"), 1);
    store.mark_pushes(&[to.session], NOW).unwrap();
    let mut now = NOW;
    for failures in 0..PUSH_TRIES_MAX {
        assert_eq!(claim(store, &to, now), Some(failures));
        let retry_at = now + PUSH_INTERVAL_MS;
        store.record_push_outcome(to.session, PushOutcome::Failed { retry_at }).unwrap();
        assert_eq!(claim(store, &to, retry_at - 1), None, "too early");
        now = retry_at;
    }
    assert_eq!(claim(store, &to, now + PUSH_CLAIM_MS), None, "given up");
    store.mark_pushes(&[to.session], now).unwrap();
    // A client that comes back does not make it work.
    store.reset_pushes(&[to.session]).unwrap();
    store.mark_pushes(&[to.session], now - 1).unwrap();
    assert_eq!(due(store, &to.host, now - 1), []);
    assert_eq!(claim(store, &to, now), Some(PUSH_TRIES_MAX), "another message");
    store.record_push_outcome(to.session, PushOutcome::Sent).unwrap();
    let now = now + PUSH_INTERVAL_MS;
    store.mark_pushes(&[to.session], now).unwrap();
    assert_eq!(claim(store, &to, now), Some(0), "it works again");
    store.record_push_outcome(to.session, PushOutcome::Refused).unwrap();
    assert_eq!(claim(store, &to, now + PUSH_CLAIM_MS), None, "it would be refused again");
}

fn what_comes_while_a_push_is_sent_is_pushed_later(store: &Store) {
    let to = subscribe(store, account(store, "Bob"), 1);
    store.mark_pushes(&[to.session], NOW).unwrap();
    assert_eq!(claim(store, &to, NOW), Some(0));
    store.mark_pushes(&[to.session], NOW + 1).unwrap();
    store.record_push_outcome(to.session, PushOutcome::Sent).unwrap();
    assert_eq!(due(store, &to.host, NOW + PUSH_INTERVAL_MS), [to.session]);
    // The client comes back while it is sent: nothing is left.
    assert_eq!(claim(store, &to, NOW + PUSH_INTERVAL_MS), Some(0));
    store.mark_pushes(&[to.session], NOW + PUSH_INTERVAL_MS).unwrap();
    store.reset_pushes(&[to.session]).unwrap();
    store.record_push_outcome(to.session, PushOutcome::Sent).unwrap();
    assert_eq!(due(store, &to.host, NOW + PUSH_CLAIM_MS * 2), []);
}

fn a_push_without_an_outcome_is_due_again(store: &Store) {
    let to = subscribe(store, account(store, "Bob"), 1);
    store.mark_pushes(&[to.session], NOW).unwrap();
    assert_eq!(claim(store, &to, NOW), Some(0));
    assert_eq!(due(store, &to.host, NOW + PUSH_CLAIM_MS - 1), []);
    assert_eq!(claim(store, &to, NOW + PUSH_CLAIM_MS), Some(0));
}

fn hosts_without_subscriptions_are_forgotten(store: &Store) {
    let bob = account(store, "Bob");
    let to = subscribe(store, bob, 1);
    store.sweep_push_hosts(NOW).unwrap();
    store.mark_pushes(&[to.session], NOW).unwrap();
    assert_eq!(due(store, &to.host, NOW + PUSH_HOST_INTERVAL_MS), [to.session], "it is in use");
    store.unsubscribe_push(bob, to.session).unwrap();
    store.sweep_push_hosts(NOW).unwrap();
    // It can be used again.
    let again = subscribe(store, bob, 2);
    store.mark_pushes(&[again.session], NOW).unwrap();
    assert_eq!(claim(store, &again, NOW), Some(0));
    assert!(commit(store, vec![post(bob, bob, "note", None)]).outcomes.len() == 1);
}
