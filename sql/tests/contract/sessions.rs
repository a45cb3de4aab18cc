#[path = "tickets.rs"]
mod tickets;

use sql::{Batch, Login, Revocation, Revoked, Store};
use wire::limit::{SESSION_LIFE_MS, SESSION_USE_MS, SESSIONS_MAX};
use wire::{AccountId, SessionId, TokenHash};

use crate::{HOUR, NOW, account};

cases! {
    OPEN:
    a_session_is_found_by_its_token_until_it_expires,
    a_session_is_found_with_its_account,
    a_used_session_lives_longer,
    a_session_is_revoked_by_its_own_account_only,
    a_new_password_ends_the_other_sessions,
    a_login_that_was_overtaken_by_a_new_password_opens_nothing,
    the_last_used_device_is_listed_first,
    a_late_revocation_is_still_seen,
    what_is_over_is_swept,
    of_too_many_sessions_the_longest_unused_ends,
    a_session_with_an_open_socket_outlives_idle_ones,
}

/// A token that no other account has.
pub fn token(account: AccountId, number: u8) -> TokenHash {
    let mut hash = [number; 32];
    hash[..8].copy_from_slice(&account.0.to_be_bytes());
    TokenHash(hash)
}

/// A session for an hour.
pub fn open(store: &Store, account: AccountId, number: u8) -> Option<SessionId> {
    let credentials = store.credentials_of(account).unwrap()?;
    let device = format!("device {number}");
    let login = Login {
        account,
        epoch: credentials.epoch,
        token: token(account, number),
        device: &device,
        now: NOW,
        expires_at: NOW + HOUR,
    };
    store.open_session(&login).unwrap()
}

/// The sessions whose end was told after `mark`.
/// The session that a revocation is about.
fn session(one: Revocation) -> Option<SessionId> {
    match one.what {
        Revoked::Session(session) => Some(session),
        Revoked::LastSeen { .. } => None,
    }
}

pub fn revoked_since(store: &Store, mark: i64) -> Vec<SessionId> {
    let all = store.revocations(mark).unwrap();
    assert!(all.is_sorted_by_key(|revocation| revocation.id));
    all.into_iter().filter(|one| one.id > mark).filter_map(session).collect()
}

fn a_session_is_found_by_its_token_until_it_expires(store: &Store) {
    let alice = account(store, "Alice");
    let id = open(store, alice, 1).unwrap();
    let session = store.session_by_token(&token(alice, 1), NOW).unwrap().unwrap();
    assert_eq!((session.id, session.account, session.device.as_str()), (id, alice, "device 1"));
    let times = (session.created_at, session.seen_at, session.expires_at);
    assert_eq!(times, (NOW, NOW, NOW + HOUR));
    assert_eq!(store.session_by_token(&token(alice, 2), NOW).unwrap(), None);
    assert!(store.session_by_token(&token(alice, 1), NOW + HOUR - 1).unwrap().is_some());
    assert_eq!(store.session_by_token(&token(alice, 1), NOW + HOUR).unwrap(), None);
    assert!(store.sessions(alice, NOW + HOUR).unwrap().is_empty());
}

fn a_session_is_found_with_its_account(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    open(store, bob, 1).unwrap();
    let id = open(store, alice, 1).unwrap();
    crate::say(store, alice, bob, "hello", "1");
    let find = |number, now| store.profile_by_token(&token(alice, number), now).unwrap();
    let profile = find(1, NOW).unwrap();
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), Some(profile.session));
    assert_eq!(store.account(alice).unwrap(), Some(profile.account));
    let state = store.log_state(alice).unwrap().unwrap();
    assert_eq!((profile.privacy, profile.stored), (state.privacy, 5));
    assert_eq!(find(2, NOW), None);
    assert!(find(1, NOW + HOUR - 1).is_some());
    assert_eq!(find(1, NOW + HOUR), None);
    store.revoke(alice, id, NOW).unwrap();
    assert_eq!(find(1, NOW), None);
}

fn a_used_session_lives_longer(store: &Store) {
    let alice = account(store, "Alice");
    let id = open(store, alice, 1).unwrap();
    store.touch_session(id, NOW + 10, NOW + 10 + HOUR).unwrap();
    // A slower request that began earlier takes nothing back.
    store.touch_session(id, NOW + 5, NOW + 5 + HOUR).unwrap();
    let session = store.session_by_token(&token(alice, 1), NOW + HOUR).unwrap().unwrap();
    assert_eq!((session.seen_at, session.expires_at), (NOW + 10, NOW + 10 + HOUR));
    store.revoke(alice, id, NOW).unwrap();
    store.touch_session(id, NOW + 20, NOW + 20 + HOUR).unwrap();
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None, "ended is ended");
}

fn a_session_is_revoked_by_its_own_account_only(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let id = open(store, alice, 1).unwrap();
    let mark = store.newest_revocation().unwrap();
    assert!(!store.revoke(bob, id, NOW).unwrap());
    assert!(store.session_by_token(&token(alice, 1), NOW).unwrap().is_some());
    assert!(revoked_since(store, mark).is_empty());
    assert!(store.revoke(alice, id, NOW).unwrap());
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None);
    assert!(!store.revoke(alice, id, NOW).unwrap(), "it ends once");
    assert_eq!(revoked_since(store, mark), [id]);
}

fn a_new_password_ends_the_other_sessions(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let [first, keep, third] = [1, 2, 3].map(|number| open(store, alice, number).unwrap());
    let others = open(store, bob, 1).unwrap();
    let mark = store.newest_revocation().unwrap();
    let epoch = store.credentials_of(alice).unwrap().unwrap().epoch;
    assert!(store.set_password(alice, epoch, "new", keep, NOW).unwrap());
    let mut ended = revoked_since(store, mark);
    ended.sort();
    assert_eq!(ended, [first, third]);
    let left = |account| -> Vec<_> {
        store.sessions(account, NOW).unwrap().iter().map(|session| session.id).collect()
    };
    assert_eq!([left(alice), left(bob)], [vec![keep], vec![others]]);
}

fn a_login_that_was_overtaken_by_a_new_password_opens_nothing(store: &Store) {
    let alice = account(store, "Alice");
    let keep = open(store, alice, 1).unwrap();
    let login = |epoch| {
        let (token, expires_at) = (token(alice, 2), NOW + HOUR);
        let login = Login { account: alice, epoch, token, device: "", now: NOW, expires_at };
        store.open_session(&login).unwrap()
    };
    let old = store.credentials_of(alice).unwrap().unwrap().epoch;
    assert!(store.set_password(alice, old, "new", keep, NOW).unwrap());
    assert_eq!(login(old), None);
    assert!(login(store.credentials_of(alice).unwrap().unwrap().epoch).is_some());
}

fn the_last_used_device_is_listed_first(store: &Store) {
    let alice = account(store, "Alice");
    let [first, second, third] = [1, 2, 3].map(|number| open(store, alice, number).unwrap());
    store.touch_session(first, NOW + 1, NOW + HOUR).unwrap();
    let listed: Vec<_> = store.sessions(alice, NOW).unwrap().iter().map(|s| s.id).collect();
    assert_eq!(listed, [first, third, second]);
}

fn a_late_revocation_is_still_seen(store: &Store) {
    let alice = account(store, "Alice");
    let ids = [1, 2].map(|number| open(store, alice, number).unwrap());
    for id in ids {
        store.revoke(alice, id, NOW).unwrap();
    }
    let newest = store.newest_revocation().unwrap();
    let seen: Vec<_> = store.revocations(newest).unwrap().into_iter().filter_map(session).collect();
    assert!(ids.iter().all(|id| seen.contains(id)), "{seen:?}");
    assert!(revoked_since(store, newest).is_empty());
}

/// The account's sessions, the last used first.
fn left(store: &Store, account: AccountId) -> Vec<SessionId> {
    store.sessions(account, NOW).unwrap().iter().map(|session| session.id).collect()
}

fn of_too_many_sessions_the_longest_unused_ends(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let others = open(store, bob, 1).unwrap();
    let most = SESSIONS_MAX as u8;
    let ids: Vec<_> = (0..most).map(|number| open(store, alice, number).unwrap()).collect();
    assert_eq!(left(store, alice).len(), ids.len());
    // The first is not the longest unused.
    store.touch_session(ids[0], NOW + 1, NOW + HOUR).unwrap();
    let mark = store.newest_revocation().unwrap();
    let one_more = open(store, alice, most).unwrap();
    assert_eq!(revoked_since(store, mark), [ids[1]], "told to every node");
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None);
    assert!(left(store, alice).contains(&one_more) && left(store, alice).contains(&ids[0]));
    assert_eq!(left(store, alice).len(), ids.len());
    // The new one stays also if another node's clock is ahead.
    for id in left(store, alice) {
        store.touch_session(id, NOW + 10, NOW + HOUR).unwrap();
    }
    let another = open(store, alice, most + 1).unwrap();
    assert!(left(store, alice).contains(&another));
    assert_eq!(left(store, alice).len(), ids.len());
    assert_eq!(left(store, bob), [others]);
}

fn a_session_with_an_open_socket_outlives_idle_ones(store: &Store) {
    let alice = account(store, "Alice");
    let [connected, idle] = [0, 1].map(|number| open(store, alice, number).unwrap());
    let session_uses = vec![connected];
    store.commit(&Batch { session_uses, ..Batch::default() }, NOW).unwrap();
    // So many logins later that all others have come after both.
    for number in 2..SESSIONS_MAX as u8 * 2 {
        open(store, alice, number).unwrap();
    }
    assert!(left(store, alice).contains(&connected) && !left(store, alice).contains(&idle));
    let session = store.session_by_token(&token(alice, 0), NOW).unwrap().unwrap();
    assert_eq!(session.seen_at, NOW + SESSION_USE_MS);
    assert_eq!(session.expires_at, NOW + SESSION_LIFE_MS);
    // Once it is over it is as idle as others.
    let later = NOW + SESSION_USE_MS + 1;
    for id in left(store, alice).into_iter().filter(|id| *id != connected) {
        store.touch_session(id, later, later + HOUR).unwrap();
    }
    open(store, alice, u8::MAX).unwrap();
    assert!(!left(store, alice).contains(&connected));
}

fn what_is_over_is_swept(store: &Store) {
    let alice = account(store, "Alice");
    let [expired, revoked] = [1, 2].map(|number| open(store, alice, number).unwrap());
    store.touch_session(revoked, NOW + 1, NOW + 48 * HOUR).unwrap();
    store.revoke(alice, revoked, NOW + HOUR).unwrap();
    let mark = store.newest_revocation().unwrap();

    store.sweep(NOW + HOUR - 1).unwrap();
    assert!(store.session_by_token(&token(alice, 1), NOW).unwrap().is_some());
    store.sweep(NOW + HOUR).unwrap();
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None);
    assert!(revoked_since(store, mark).is_empty(), "it ended in its time");
    assert!(!store.revoke(alice, expired, NOW).unwrap());

    store.sweep(NOW + 25 * HOUR).unwrap();
    assert_eq!(revoked_since(store, mark - 1), [revoked], "for a day");
    store.sweep(NOW + 25 * HOUR + 1).unwrap();
    assert!(revoked_since(store, mark - 1).is_empty());
}
