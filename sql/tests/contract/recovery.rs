//! A new password by a code.

use sql::{Account, AccountCode, CodePurpose, PasswordReset, ShownCode, Store};
use wire::Token;

use crate::sessions::{open, revoked_since, token};
use crate::{HOUR, NOW, email};

cases! {
    OPEN:
    a_code_sets_a_password_once_and_ends_all_sessions,
    a_code_for_an_email_that_was_given_up_is_not_good,
    a_mailed_code_proves_the_email,
    many_at_once_use_a_code_once,
    a_disabled_account_stays_disabled,
}

fn unproved(store: &Store) -> Account {
    store.account(crate::confirmation::unproved(store)).unwrap().unwrap()
}

/// A new code of an account; mailed to its email, or not.
fn code(store: &Store, account: &Account, is_mailed: bool) -> Token {
    let code = Token::parse(&email("code")).unwrap();
    let mailed = is_mailed.then(|| code.hash_with(&account.email));
    let (purpose, expires_at) = (CodePurpose::Reset, NOW + HOUR);
    let (account, hash) = (account.id, code.hash());
    let new = AccountCode { purpose, account, hash, email: mailed, now: NOW, expires_at };
    assert!(store.add_account_code(&new).unwrap());
    code
}

fn reset(store: &Store, account: &Account, code: &Token, phc: &str, now: i64) -> bool {
    let code = ShownCode { hash: code.hash(), email: code.hash_with(&account.email) };
    store.reset_password(&PasswordReset { account, code, phc, now }).unwrap()
}

fn phc(store: &Store, account: &Account) -> String {
    store.credentials_of(account.id).unwrap().unwrap().phc
}

fn a_code_sets_a_password_once_and_ends_all_sessions(store: &Store) {
    let alice = unproved(store);
    let sessions = [open(store, alice.id, 1).unwrap(), open(store, alice.id, 2).unwrap()];
    let (first, other) = (code(store, &alice, false), code(store, &alice, false));
    let mark = store.newest_revocation().unwrap();
    let epoch = store.credentials_of(alice.id).unwrap().unwrap().epoch;
    assert!(!reset(store, &alice, &first, "late", NOW + HOUR), "too old");
    assert!(!reset(store, &alice, &Token::parse("made-up").unwrap(), "guessed", NOW));
    assert_eq!(phc(store, &alice), "phc");
    assert!(reset(store, &alice, &first, "new", NOW + HOUR - 1));
    assert_eq!(phc(store, &alice), "new");
    assert_eq!(store.credentials_of(alice.id).unwrap().unwrap().epoch, epoch + 1);
    let mut revoked = revoked_since(store, mark);
    revoked.sort();
    assert_eq!(revoked, sessions);
    assert_eq!(store.session_by_token(&token(alice.id, 1), NOW).unwrap(), None);
    assert!(!reset(store, &alice, &first, "again", NOW), "used");
    assert!(!reset(store, &alice, &other, "other", NOW), "ended by the first");
    assert_eq!(phc(store, &alice), "new");
    assert!(!store.account(alice.id).unwrap().unwrap().is_proved, "it came from the operator");
}

fn a_code_for_an_email_that_was_given_up_is_not_good(store: &Store) {
    let alice = unproved(store);
    let mailed = code(store, &alice, true);
    let other = Account { email: "other@example.com".to_owned(), ..alice.clone() };
    assert!(!reset(store, &other, &mailed, "new", NOW));
    let foreign = ShownCode { hash: mailed.hash(), email: mailed.hash_with("x@example.com") };
    let reset_foreign = PasswordReset { account: &alice, code: foreign, phc: "new", now: NOW };
    assert!(!store.reset_password(&reset_foreign).unwrap());
    assert_eq!(phc(store, &alice), "phc");
    assert!(reset(store, &alice, &mailed, "new", NOW));
}

fn a_mailed_code_proves_the_email(store: &Store) {
    let alice = unproved(store);
    assert!(!alice.is_proved);
    let mailed = code(store, &alice, true);
    assert!(reset(store, &alice, &mailed, "new", NOW));
    assert!(store.account(alice.id).unwrap().unwrap().is_proved);
}

fn many_at_once_use_a_code_once(store: &Store) {
    let alice = unproved(store);
    let code = code(store, &alice, true);
    let used = std::thread::scope(|scope| {
        let tries = (0..8).map(|number| {
            let (alice, code) = (&alice, &code);
            scope.spawn(move || reset(store, alice, code, &format!("phc{number}"), NOW))
        });
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|it| *it).count()
    });
    assert_eq!(used, 1);
}

fn a_disabled_account_stays_disabled(store: &Store) {
    let alice = unproved(store);
    let code = code(store, &alice, false);
    assert!(store.disable_account(alice.id, NOW).unwrap());
    assert!(reset(store, &alice, &code, "new", NOW));
    assert!(store.credentials_of(alice.id).unwrap().unwrap().is_disabled);
}
