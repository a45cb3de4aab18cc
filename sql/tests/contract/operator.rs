//! What an operator does with accounts, and with a database that servers have open.

use sql::{DatabaseUrl, Login, OpenError, Store};
use wire::AccountId;

use crate::sessions::{open, revoked_since, token};
use crate::{HOUR, NOW, account, say};

cases! {
    OPEN:
    a_disabled_account_has_no_session_and_gets_none,
    all_sessions_of_an_account_end_at_once,
    accounts_are_listed_with_what_they_take,
    everything_is_counted,
}

fn log_in(store: &Store, account: AccountId, number: u8) -> bool {
    let epoch = store.credentials_of(account).unwrap().unwrap().epoch;
    let token = token(account, number);
    let login = Login { account, epoch, token, device: "", now: NOW, expires_at: NOW + HOUR };
    store.open_session(&login).unwrap().is_some()
}

fn a_disabled_account_has_no_session_and_gets_none(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    let sessions = [open(store, alice, 1).unwrap(), open(store, alice, 2).unwrap()];
    let _other = open(store, bob, 1).unwrap();
    let mark = store.newest_revocation().unwrap();
    let is_disabled = || store.credentials_of(alice).unwrap().unwrap().is_disabled;
    assert!(!is_disabled());
    assert!(store.disable_account(alice, NOW).unwrap());
    assert!(is_disabled());
    let mut revoked = revoked_since(store, mark);
    revoked.sort();
    assert_eq!(revoked, sessions, "sockets are told");
    assert_eq!(store.session_by_token(&token(alice, 1), NOW).unwrap(), None);
    assert!(!log_in(store, alice, 3), "also if the password was checked before");
    assert!(store.disable_account(alice, NOW + 1).unwrap(), "again");
    assert!(log_in(store, bob, 3));
    assert!(store.enable_account(alice).unwrap());
    assert!(!is_disabled() && log_in(store, alice, 3));
    for wrong in [AccountId(0), AccountId(alice.0 + 1_000_000)] {
        assert!(!store.disable_account(wrong, NOW).unwrap());
        assert!(!store.enable_account(wrong).unwrap());
    }
    assert!(store.delete_account(alice, NOW).unwrap());
    assert!(!store.disable_account(alice, NOW).unwrap());
}

fn all_sessions_of_an_account_end_at_once(store: &Store) {
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    for number in 1..=3 {
        open(store, alice, number).unwrap();
    }
    let others = open(store, bob, 1).unwrap();
    let mark = store.newest_revocation().unwrap();
    assert_eq!(store.end_all_sessions(alice, NOW).unwrap(), 3);
    assert_eq!(revoked_since(store, mark).len(), 3);
    assert_eq!(store.end_all_sessions(alice, NOW).unwrap(), 0);
    assert_eq!(store.sessions(bob, NOW).unwrap()[0].id, others);
    assert!(log_in(store, alice, 4));
}

fn accounts_are_listed_with_what_they_take(store: &Store) {
    let [alice, bob, gone] = ["Alice", "Bob", "Gone"].map(|name| account(store, name));
    for content in ["four", "more"] {
        say(store, alice, bob, content, content);
    }
    open(store, bob, 1).unwrap();
    assert!(store.disable_account(alice, NOW).unwrap());
    assert!(store.delete_account(gone, NOW).unwrap());
    let all = store.accounts().unwrap();
    let of = |id| all.iter().find(|one| one.account.id == id);
    let alice = of(alice).unwrap();
    assert_eq!((alice.bytes, alice.messages, alice.is_disabled), (8, 2, true));
    assert_eq!((alice.account.name.as_str(), alice.seen_at), ("Alice", None));
    let bob = of(bob).unwrap();
    assert_eq!((bob.bytes, bob.messages, bob.is_disabled, bob.seen_at), (0, 0, false, Some(NOW)));
    assert!(of(gone).is_none());
    assert!(all.is_sorted_by_key(|one| one.account.id));
}

fn everything_is_counted(store: &Store) {
    let before = store.statistics(NOW).unwrap();
    let (alice, bob) = (account(store, "Alice"), account(store, "Bob"));
    say(store, alice, bob, "hello", "one");
    open(store, alice, 1).unwrap();
    let after = store.statistics(NOW).unwrap();
    assert_eq!(after.accounts, before.accounts + 2);
    assert_eq!(after.messages, before.messages + 1);
    assert_eq!(after.sessions, before.sessions + 1);
    assert!(after.database_bytes > 10_000, "{after:?}");
    assert_eq!(store.statistics(NOW + HOUR).unwrap().sessions, 0, "they have ended");
}

#[test]
fn a_command_opens_only_what_is_there_and_of_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(&path);
    let refused = |url: &DatabaseUrl| match Store::open_existing(url) {
        Err(OpenError::Refused { error, .. }) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{url} is opened"),
    };
    assert!(refused(&url).contains("no such file"));
    assert!(!path.exists(), "nothing is made");
    let postgres = acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap();
    assert!(refused(&postgres).contains("no Messenger"));
    let server = crate::open(&url);
    let id = account(&server, "Alice");
    let command = Store::open_existing(&url).unwrap();
    assert!(command.disable_account(id, NOW).unwrap());
    assert!(server.credentials_of(id).unwrap().unwrap().is_disabled, "while the server runs");
    drop((server, command));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "delete from schema_version where version = (select max(version) from schema_version)",
        )
        .unwrap();
    drop(connection);
    assert!(refused(&url).contains("start the server of this version first"));
}
