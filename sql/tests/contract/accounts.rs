use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

use sql::{Error, Store};
use wire::AccountId;

use crate::{HOUR, NOW, account, email};

cases! {
    OPEN, const ALL:
    an_account_is_found_by_id_and_by_email,
    an_email_belongs_to_one_account,
    a_hundred_at_once_make_one_account,
    a_name_can_be_changed,
    a_password_is_changed_only_by_who_knows_the_current_one,
    a_hash_is_replaced_only_if_it_is_still_the_old_one,
}

fn an_account_is_found_by_id_and_by_email(store: &Store) {
    let email = email("alice");
    let id = store.create_account(&email, "Alice 👋", "phc", NOW).unwrap();
    assert!(id.0 > 0);
    let found = store.account(id).unwrap().unwrap();
    assert_eq!((found.id, found.email.as_str(), found.name.as_str()), (id, &*email, "Alice 👋"));
    assert_eq!(found.created_at, NOW);
    assert_eq!(store.find_by_email(&email).unwrap(), Some(found.clone()));
    let credentials = store.credentials(&email).unwrap().unwrap();
    assert_eq!((&credentials.account, credentials.phc.as_str()), (&found, "phc"));
    assert_eq!(store.credentials_of(id).unwrap().unwrap().epoch, credentials.epoch);

    for same in [&email.to_uppercase(), &format!(" {email}\n")] {
        assert_eq!(store.find_by_email(same).unwrap(), Some(found.clone()), "{same:?}");
        assert_eq!(store.credentials(same).unwrap().unwrap().account, found, "{same:?}");
    }
    for other in ["", "%", &email[1..], &format!("x{email}"), "a\0@b"] {
        assert_eq!(store.find_by_email(other).unwrap(), None, "{other:?}");
        assert!(store.credentials(other).unwrap().is_none(), "{other:?}");
    }
    for nobody in [AccountId(0), AccountId(-1), AccountId(i64::MAX)] {
        assert_eq!(store.account(nobody).unwrap(), None);
        assert!(store.credentials_of(nobody).unwrap().is_none());
    }
    assert_eq!(store.log_state(id).unwrap().unwrap().head.0, 0, "an empty log");
}

fn an_email_belongs_to_one_account(store: &Store) {
    let email = email("alice");
    let first = store.create_account(&email, "Alice", "phc", NOW).unwrap();
    let second = store.create_account(&email, "Mallory", "other", NOW);
    assert!(matches!(second, Err(Error::AlreadyExists)));
    let second = store.create_account(&email.to_uppercase(), "Mallory", "other", NOW);
    assert!(matches!(second, Err(Error::AlreadyExists)));
    assert_eq!(store.find_by_email(&email).unwrap().unwrap().id, first);
    assert!(account(store, "bob") > first, "ids count up");
}

fn a_hundred_at_once_make_one_account(store: &Store) {
    let (email, made) = (email("everyone"), Mutex::new(HashSet::new()));
    thread::scope(|scope| {
        for number in 0..100 {
            let (email, made) = (&email, &made);
            scope.spawn(move || match store.create_account(email, &number.to_string(), "p", NOW) {
                Ok(id) => drop(made.lock().unwrap().insert(id)),
                Err(error) => assert!(matches!(error, Error::AlreadyExists), "{error}"),
            });
        }
    });
    let found = store.find_by_email(&email).unwrap().unwrap().id;
    assert_eq!(made.into_inner().unwrap(), HashSet::from([found]));
}

fn a_name_can_be_changed(store: &Store) {
    let id = account(store, "Alice");
    let renamed = store.rename(id, "Alícia").unwrap().unwrap();
    assert_eq!((renamed.id, renamed.name.as_str()), (id, "Alícia"));
    assert_eq!(store.account(id).unwrap(), Some(renamed));
    assert_eq!(store.rename(AccountId(i64::MAX), "Nobody").unwrap(), None);
}

fn a_password_is_changed_only_by_who_knows_the_current_one(store: &Store) {
    let id = account(store, "Alice");
    let keep = crate::sessions::open(store, id, 1).unwrap();
    let old = store.credentials_of(id).unwrap().unwrap();
    assert!(store.set_password(id, old.epoch, "new", keep, NOW).unwrap());
    let new = store.credentials_of(id).unwrap().unwrap();
    assert_eq!(new.phc, "new");
    assert_ne!(new.epoch, old.epoch);
    // Whoever checked the old password before the change is too late now.
    assert!(!store.set_password(id, old.epoch, "attacker's", keep, NOW + HOUR).unwrap());
    assert_eq!(store.credentials_of(id).unwrap().unwrap().phc, "new");
    assert!(!store.set_password(AccountId(i64::MAX), 1, "new", keep, NOW).unwrap());
}

fn a_hash_is_replaced_only_if_it_is_still_the_old_one(store: &Store) {
    let id = account(store, "Alice");
    let session = crate::sessions::open(store, id, 2).unwrap();
    let old = store.credentials_of(id).unwrap().unwrap();
    assert!(store.rehash(id, &old.phc, "better").unwrap());
    assert!(!store.rehash(id, &old.phc, "late").unwrap());
    let now = store.credentials_of(id).unwrap().unwrap();
    assert_eq!((now.phc.as_str(), now.epoch), ("better", old.epoch), "the same password");
    assert_eq!(store.sessions(id, NOW).unwrap()[0].id, session, "nobody is logged out");
}
