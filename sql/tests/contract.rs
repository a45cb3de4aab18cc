//! The story that every store must tell, whatever is beneath it.
//!
//! Each noun has a file of functions over `&Store`. They need no empty database, only that nobody else sweeps it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/deletion.rs"]
mod deletion;
#[path = "contract/export.rs"]
mod export;
#[path = "contract/messages.rs"]
mod messages;
#[path = "contract/schema.rs"]
mod schema;
#[path = "contract/sessions.rs"]
mod sessions;
#[path = "contract/tls.rs"]
mod tls;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use sql::{Batch, DatabaseUrl, Outcome, Post, Store, Stored};
use wire::AccountId;

/// Some moment, in milliseconds.
const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 60 * 60 * 1000;

/// The whole suite.
fn suite(store: &Store) {
    accounts::suite(store);
    sessions::suite(store);
    messages::suite(store);
    export::suite(store);
    deletion::suite(store);
}

#[test]
fn sqlite_in_memory() {
    suite(&open(&"sqlite::memory:".parse().unwrap()));
}

#[test]
fn sqlite_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    suite(&open(&url));
    // What one process stored, the next one finds.
    suite(&open(&url));
    let mode = std::fs::metadata(url.path().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds emails and hashes");
}

#[test]
fn postgresql() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    suite(&open(&url.parse().unwrap()));
    suite(&open(&url.parse().unwrap()));
}

#[test]
fn postgresql_over_tls() {
    tls::only_a_server_that_proves_its_name_is_trusted();
}

#[test]
fn the_schema_of_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(&path);
    schema::two_nodes_may_start_at_once(&url);
    schema::a_newer_schema_is_refused(&url, || {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute("insert into schema_version values (1000000)", []).unwrap();
    });
    schema::what_waiting_would_not_mend_is_said_at_once();
}

#[test]
fn the_schema_of_postgresql() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    let url = text.parse().unwrap();
    schema::two_nodes_may_start_at_once(&url);
    schema::a_newer_schema_is_refused(&url, || {
        let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
        client.execute("insert into schema_version values (1000000)", &[]).unwrap();
    });
}

#[test]
fn a_deleted_account_is_gone_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&DatabaseUrl::file(directory.path().join("messenger.db")));
    deletion::leaves_no_trace(&store, || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    });
}

fn open(url: &DatabaseUrl) -> Store {
    Store::open(url, &|_| false).unwrap()
}

/// An email that no other test has.
fn email(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{name}.{clock:x}.{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An account with the password hash `phc`.
fn account(store: &Store, name: &str) -> AccountId {
    store.create_account(&email(name), name, "phc", NOW).unwrap()
}

fn say(store: &Store, from: AccountId, to: AccountId, content: &str, reference: &str) -> Stored {
    let reference = Some(reference.to_owned());
    let post = Post { from, to, content: content.to_owned(), reference };
    let batch = Batch { posts: vec![post], ..Batch::default() };
    match store.commit(&batch, NOW).unwrap()[..] {
        [Outcome::Stored(stored)] => stored,
        ref other => panic!("{other:?}"),
    }
}
