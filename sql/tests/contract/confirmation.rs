//! Proofs of emails, and other emails.

use sql::{Account, AccountCode, CodePurpose, EmailProof, Error, NewAccount, ShownCode, Store};
use wire::{AccountId, Token};

use crate::{HOUR, NOW, email};

cases! {
    OPEN:
    a_code_proves_the_email_that_it_was_mailed_to,
    another_email_counts_once_it_is_proved,
    a_code_for_an_email_that_is_not_wanted_any_more_is_not_good,
    an_email_that_somebody_else_has_by_now_is_not_given,
    another_email_frees_the_old_one_and_its_key,
    many_at_once_prove_once,
}

/// An account whose email nobody has proved.
pub fn unproved(store: &Store) -> AccountId {
    let email = email("alice");
    let new = NewAccount {
        email: &email,
        name: "Alice",
        phc: "phc",
        is_proved: false,
        invitation: None,
        now: NOW,
    };
    store.sign_up(&new).unwrap().unwrap()
}

fn find(store: &Store, id: AccountId) -> Account {
    store.account(id).unwrap().unwrap()
}

/// A code that was mailed to this email.
fn mail(store: &Store, account: AccountId, to: &str) -> Token {
    let code = Token::parse(&email("code")).unwrap();
    let (purpose, hash) = (CodePurpose::Confirmation, code.hash());
    let (bound, expires_at) = (Some(code.hash_with(to)), NOW + HOUR);
    let new = AccountCode { purpose, account, hash, email: bound, now: NOW, expires_at };
    assert!(store.add_account_code(&new).unwrap());
    code
}

fn prove_at(store: &Store, account: &Account, code: &Token, now: i64) -> sql::Result<bool> {
    let shown = |email: &str| ShownCode { hash: code.hash(), email: code.hash_with(email) };
    let next = account.next_email.as_deref().map(shown);
    store.prove_email(&EmailProof { account, current: shown(&account.email), next, now })
}

fn prove(store: &Store, account: AccountId, code: &Token) -> bool {
    prove_at(store, &find(store, account), code, NOW).unwrap()
}

fn a_code_proves_the_email_that_it_was_mailed_to(store: &Store) {
    let alice = unproved(store);
    let before = find(store, alice);
    assert!(!before.is_proved);
    let code = mail(store, alice, &before.email);
    assert!(!prove_at(store, &before, &code, NOW + HOUR).unwrap(), "too old");
    assert!(!prove(store, alice, &mail(store, alice, "other@example.com")), "mailed elsewhere");
    assert!(!find(store, alice).is_proved);
    assert!(prove(store, alice, &code));
    assert_eq!(find(store, alice), Account { is_proved: true, ..before });
    assert!(!prove(store, alice, &code), "used");
}

fn another_email_counts_once_it_is_proved(store: &Store) {
    let (alice, next) = (unproved(store), email("next"));
    let before = find(store, alice);
    let changed = store.set_next_email(alice, Some(&next)).unwrap().unwrap();
    assert_eq!((&changed.email, changed.next_email.as_ref()), (&before.email, Some(&next)));
    assert!(store.find_by_email(&next).unwrap().is_none());
    let (old, new) = (mail(store, alice, &before.email), mail(store, alice, &next));
    assert!(prove(store, alice, &new));
    let after = find(store, alice);
    assert_eq!((&after.email, after.next_email.as_ref(), after.is_proved), (&next, None, true));
    assert!(store.find_by_email(&before.email).unwrap().is_none());
    assert_eq!(store.find_by_email(&next.to_uppercase()).unwrap().unwrap().id, alice);
    assert!(!prove(store, alice, &old), "it would prove an email that the account no longer has");
}

fn a_code_for_an_email_that_is_not_wanted_any_more_is_not_good(store: &Store) {
    let (alice, next) = (unproved(store), email("next"));
    store.set_next_email(alice, Some(&next)).unwrap();
    let asked = find(store, alice);
    let code = mail(store, alice, &next);
    store.set_next_email(alice, None).unwrap();
    assert!(!prove_at(store, &asked, &code, NOW).unwrap(), "changed since it was looked up");
    assert!(!prove(store, alice, &code));
    assert_eq!(find(store, alice).email, asked.email);
}

fn an_email_that_somebody_else_has_by_now_is_not_given(store: &Store) {
    let (alice, next) = (unproved(store), email("next"));
    store.set_next_email(alice, Some(&next)).unwrap();
    let code = mail(store, alice, &next);
    let bob = store.create_account(&next.to_uppercase(), "Bob", "phc", NOW).unwrap();
    let proved = prove_at(store, &find(store, alice), &code, NOW);
    assert!(matches!(proved, Err(Error::AlreadyExists)), "{proved:?}");
    assert!(matches!(store.set_email(alice, &next), Err(Error::AlreadyExists)));
    assert_eq!(store.find_by_email(&next).unwrap().unwrap().id, bob);
    assert!(store.delete_account(bob, NOW).unwrap());
    assert!(prove(store, alice, &code), "a code that was refused so is not used up");
}

fn another_email_frees_the_old_one_and_its_key(store: &Store) {
    let (alice, next) = (unproved(store), email("next"));
    let old = find(store, alice).email;
    let changed = store.set_email(alice, &next).unwrap().unwrap();
    assert_eq!((&changed.email, changed.is_proved), (&next, true));
    let bob = store.create_account(&old, "Bob", "phc", NOW).unwrap();
    assert_eq!(store.find_by_email(&old).unwrap().unwrap().id, bob);
    assert!(store.delete_account(alice, NOW).unwrap());
    assert!(store.set_email(alice, &email("late")).unwrap().is_none());
    assert!(store.set_next_email(alice, Some("late@example.com")).unwrap().is_none());
}

fn many_at_once_prove_once(store: &Store) {
    let alice = unproved(store);
    let before = find(store, alice);
    let code = mail(store, alice, &before.email);
    let proved = std::thread::scope(|scope| {
        let tries = (0..8).map(|_| scope.spawn(|| prove_at(store, &before, &code, NOW).unwrap()));
        let tries: Vec<_> = tries.collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|it| *it).count()
    });
    assert_eq!(proved, 1);
}
