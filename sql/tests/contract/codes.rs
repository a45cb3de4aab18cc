//! Invitations and the codes of accounts.

use sql::{AccountCode, CodePurpose, Error, Invitation, NewAccount, ShownCode, Store};
use wire::{AccountId, Token, TokenHash};

use crate::{HOUR, NOW, account, email};

cases! {
    OPEN:
    an_invitation_makes_as_many_accounts_as_it_says,
    an_invitation_ends,
    an_invitation_for_an_email_is_good_for_no_other,
    a_signup_that_fails_uses_no_invitation,
    a_hundred_at_once_use_an_invitation_as_often_as_it_says,
    codes_of_an_account_are_good_for_their_purpose_until_they_expire,
    three_codes_of_a_purpose_are_mailed_within_an_hour,
    a_new_password_ends_the_codes_that_would_set_another,
    codes_go_with_their_account,
    what_is_over_is_swept,
    a_clock_that_jumps_ahead_ends_no_code,
    links_of_a_time_to_come_keep_nobody_from_another_one,
}

const DAY: i64 = 24 * HOUR;

/// A code that no other test has.
fn code() -> Token {
    Token::parse(&email("code")).unwrap()
}

/// The code, as it is shown for this email.
fn shown(code: &Token, email: &str) -> ShownCode {
    ShownCode { hash: code.hash(), email: code.hash_with(email) }
}

fn invite(store: &Store, code: &Token, email: Option<&str>, uses: i64) {
    let email = email.map(|email| code.hash_with(email));
    let expires_at = NOW + HOUR;
    let new = Invitation { hash: code.hash(), email, uses, now: NOW, expires_at };
    store.add_invitation(&new).unwrap();
}

fn sign_up_at(
    store: &Store,
    code: &Token,
    email: &str,
    now: i64,
) -> sql::Result<Option<AccountId>> {
    let invitation = Some(shown(code, email));
    store.sign_up(&NewAccount { email, name: "N", phc: "phc", is_proved: true, invitation, now })
}

fn sign_up(store: &Store, code: &Token, email: &str) -> Option<AccountId> {
    sign_up_at(store, code, email, NOW).unwrap()
}

/// A code of an account that is good for an hour from `now` on; none if it cannot be had.
fn add(
    store: &Store,
    account: AccountId,
    purpose: CodePurpose,
    is_mailed: bool,
    now: i64,
) -> Option<Token> {
    let code = code();
    let email = is_mailed.then(|| code.hash_with("a@x"));
    let expires_at = now + HOUR;
    let new = AccountCode { purpose, account, hash: code.hash(), email, now, expires_at };
    store.add_account_code(&new).unwrap().then_some(code)
}

fn owner(store: &Store, purpose: CodePurpose, code: &Token, now: i64) -> Option<AccountId> {
    store.account_by_code(purpose, &code.hash(), now).unwrap().map(|account| account.id)
}

fn an_invitation_makes_as_many_accounts_as_it_says(store: &Store) {
    let code = code();
    assert!(!store.is_invited(&shown(&code, "a@x"), NOW).unwrap());
    assert_eq!(sign_up(store, &code, &email("a")), None, "not made");
    invite(store, &code, None, 3);
    for name in ["a", "b", "c"] {
        assert!(store.is_invited(&shown(&code, name), NOW).unwrap());
        assert!(sign_up(store, &code, &email(name)).is_some());
    }
    assert!(!store.is_invited(&shown(&code, "d@x"), NOW).unwrap());
    let late = email("d");
    assert_eq!(sign_up(store, &code, &late), None);
    assert!(store.find_by_email(&late).unwrap().is_none(), "nothing is stored");
    let (wrong, hash) = (shown(&code, "x"), TokenHash([7; 32]));
    assert!(!store.is_invited(&ShownCode { hash, ..wrong }, NOW).unwrap());
}

fn an_invitation_ends(store: &Store) {
    let code = code();
    invite(store, &code, None, 9);
    assert!(store.is_invited(&shown(&code, "a@x"), NOW + HOUR - 1).unwrap());
    assert!(!store.is_invited(&shown(&code, "a@x"), NOW + HOUR).unwrap());
    assert_eq!(sign_up_at(store, &code, &email("a"), NOW + HOUR).unwrap(), None);
    assert!(sign_up_at(store, &code, &email("a"), NOW + HOUR - 1).unwrap().is_some());
}

fn an_invitation_for_an_email_is_good_for_no_other(store: &Store) {
    let (code, alice) = (code(), email("alice"));
    invite(store, &code, Some(&alice), 1);
    assert!(!store.is_invited(&shown(&code, "b@x"), NOW).unwrap());
    assert_eq!(sign_up(store, &code, &email("b")), None);
    assert!(sign_up(store, &code, &alice).is_some());
}

fn a_signup_that_fails_uses_no_invitation(store: &Store) {
    let (code, alice) = (code(), email("alice"));
    invite(store, &code, None, 1);
    store.create_account(&alice, "Alice", "phc", NOW).unwrap();
    assert!(matches!(sign_up_at(store, &code, &alice, NOW), Err(Error::AlreadyExists)));
    assert!(sign_up(store, &code, &email("bob")).is_some());
}

fn a_hundred_at_once_use_an_invitation_as_often_as_it_says(store: &Store) {
    let code = code();
    invite(store, &code, None, 2);
    let made = std::thread::scope(|scope| {
        let tries = (0..100).map(|number| {
            let (code, email) = (&code, email(&format!("racer{number}")));
            scope.spawn(move || sign_up(store, code, &email))
        });
        let tries: Vec<_> = tries.collect();
        tries.into_iter().filter_map(|one| one.join().unwrap()).count()
    });
    assert_eq!(made, 2);
}

fn codes_of_an_account_are_good_for_their_purpose_until_they_expire(store: &Store) {
    use CodePurpose::{Confirmation, Invitation, Reset};
    let alice = account(store, "Alice");
    let reset = add(store, alice, Reset, false, NOW).unwrap();
    let confirmation = add(store, alice, Confirmation, true, NOW).unwrap();
    for (purpose, text, found) in [
        (Reset, &reset, Some(alice)),
        (Reset, &confirmation, None),
        (Reset, &code(), None),
        (Confirmation, &confirmation, Some(alice)),
        (Confirmation, &reset, None),
        (Invitation, &reset, None),
    ] {
        assert_eq!(owner(store, purpose, text, NOW + HOUR - 1), found, "{purpose:?}");
        assert_eq!(owner(store, purpose, text, NOW + HOUR), None, "{purpose:?}");
    }
    assert!(!store.is_invited(&shown(&reset, "a@x"), NOW).unwrap());
    assert_eq!(sign_up(store, &reset, &email("b")), None);
}

fn three_codes_of_a_purpose_are_mailed_within_an_hour(store: &Store) {
    use CodePurpose::{Confirmation, Reset};
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let mail = |account, purpose, now| add(store, account, purpose, true, now).is_some();
    assert!((0..3).all(|number| mail(alice, Reset, NOW + number)));
    assert!(!mail(alice, Reset, NOW + HOUR - 1));
    assert!(add(store, alice, Reset, false, NOW).is_some(), "from the operator's hand");
    assert!(mail(alice, Confirmation, NOW), "of another purpose");
    assert!(mail(bob, Reset, NOW), "of another account");
    assert!(mail(alice, Reset, NOW + HOUR), "later");
    assert!(!mail(alice, Reset, NOW + HOUR));
}

fn a_new_password_ends_the_codes_that_would_set_another(store: &Store) {
    use CodePurpose::{Confirmation, Reset};
    let alice = account(store, "Alice");
    let reset = add(store, alice, Reset, false, NOW).unwrap();
    let confirmation = add(store, alice, Confirmation, true, NOW).unwrap();
    let session = crate::sessions::open(store, alice, 1).unwrap();
    assert!(store.set_password(alice, 1, "other", session, NOW).unwrap());
    assert_eq!(owner(store, Reset, &reset, NOW), None);
    assert_eq!(owner(store, Confirmation, &confirmation, NOW), Some(alice));
}

fn codes_go_with_their_account(store: &Store) {
    let alice = account(store, "Alice");
    let code = add(store, alice, CodePurpose::Reset, false, NOW).unwrap();
    assert!(store.delete_account(alice, NOW).unwrap());
    assert_eq!(owner(store, CodePurpose::Reset, &code, NOW), None);
    assert!(add(store, alice, CodePurpose::Reset, false, NOW).is_none());
}

fn what_is_over_is_swept(store: &Store) {
    let (invitation, alice) = (code(), account(store, "Alice"));
    invite(store, &invitation, None, 1);
    let reset = add(store, alice, CodePurpose::Reset, false, NOW).unwrap();
    let are_there = || {
        let is_invited = store.is_invited(&shown(&invitation, "a@x"), NOW).unwrap();
        (is_invited, owner(store, CodePurpose::Reset, &reset, NOW))
    };
    store.sweep(NOW + HOUR - 1).unwrap();
    assert_eq!(are_there(), (true, Some(alice)));
    store.sweep(NOW + HOUR).unwrap();
    assert_eq!(are_there(), (false, None));
}

/// What a request of this moment says while the clock of the machine is ahead.
fn a_clock_that_jumps_ahead_ends_no_code(store: &Store) {
    let (now, ahead) = (store.now(), store.now() + 60 * DAY);
    let alice = account(store, "Alice");
    let reset = code();
    let (purpose, hash, expires_at) = (CodePurpose::Reset, reset.hash(), now + HOUR);
    let new = AccountCode { purpose, account: alice, hash, email: None, now, expires_at };
    assert!(store.add_account_code(&new).unwrap());
    assert_eq!(owner(store, CodePurpose::Reset, &reset, ahead), Some(alice));

    let (invitation, email) = (code(), email("late"));
    let hash = invitation.hash();
    store.add_invitation(&Invitation { hash, email: None, uses: 1, now, expires_at }).unwrap();
    assert!(store.is_invited(&shown(&invitation, &email), ahead).unwrap());
    assert!(sign_up_at(store, &invitation, &email, ahead).unwrap().is_some());
}

/// They were asked for while the clock of the machine was ahead.
fn links_of_a_time_to_come_keep_nobody_from_another_one(store: &Store) {
    let alice = account(store, "Alice");
    let mailed = |now| add(store, alice, CodePurpose::Reset, true, now).is_some();
    let ahead = NOW + 60 * DAY;
    assert!(mailed(ahead) && mailed(ahead) && mailed(ahead) && !mailed(ahead));
    assert!(mailed(NOW) && mailed(NOW) && mailed(NOW) && !mailed(NOW));
}
