//! A database on which the policy changes: strangers ask first, then everybody knows everybody.

use sql::{ContactPolicy, DatabaseUrl, Outcome, Store};
use wire::Code;
use wire::limit::REQUEST_MESSAGES_MAX;

use crate::engines::migrated_database;
use crate::strangers::{accept, decline, people, requests, tries};
use crate::{act, code};

#[test]
fn nobody_waits_where_everybody_knows_everybody_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    nobody_waits_where_everybody_knows_everybody(&DatabaseUrl::file(directory.path().join("a.db")));
}

#[test]
fn nobody_waits_where_everybody_knows_everybody_in_postgresql() {
    nobody_waits_where_everybody_knows_everybody(&migrated_database().parse().unwrap());
}

pub fn nobody_waits_where_everybody_knows_everybody(url: &DatabaseUrl) {
    let store = &crate::ask_first(url);
    let [alice, bob, carol, dave] = people(store);
    tries(store, alice, bob);
    let open = Store::open(url, ContactPolicy::Open, &|_| false).unwrap();
    for _ in 0..=REQUEST_MESSAGES_MAX {
        for to in [bob, carol] {
            assert_eq!(tries(&open, alice, to), Outcome::Done);
        }
    }
    assert!(!requests(&open, bob).pop().unwrap());
    assert_eq!(
        open.public_profile(alice, dave).unwrap().map(|it| it.name).as_deref(),
        Some("Dave")
    );
    assert_eq!(open.contact_statuses(alice, &[dave]).unwrap().len(), 1);
    assert_eq!(act(&open, alice, accept(dave)), Outcome::Unchanged);
    assert_eq!(code(&act(&open, alice, decline(dave))), Some(Code::Forbidden));
    // Who has come together stays so.
    for other in [bob, carol] {
        assert_eq!(tries(store, alice, other), Outcome::Done);
        assert!(!requests(store, other).pop().unwrap());
    }
    assert_eq!(store.contact_statuses(alice, &[dave]).unwrap().len(), 0);
}
