//! Each case of the contract is a test of its own on each engine, such as `blocks::a_block_reaches_into_groups::in_postgresql`.
//!
//! A case gets a store on a database of its own, which is a copy of one that was migrated once.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sql::{ContactPolicy, DatabaseUrl, Store};

use crate::quota;

/// Makes a test on each engine of each case, a function over `&Store`. `open`: everybody knows everybody; `request`: strangers
/// ask first.
macro_rules! cases {
    ($contact:ident, const $all:ident: $($case:ident),+ $(,)?) => {
        /// All of them, for a test that runs them on a store of its own.
        pub const $all: &[fn(&sql::Store)] = &[$($case),+];
        cases! { $contact: $($case),+ }
    };
    ($contact:ident: $($case:ident),+ $(,)?) => {$(
        mod $case {
            #[test]
            fn in_memory() {
                crate::engines::in_memory(crate::engines::$contact, super::$case);
            }

            #[test]
            fn in_a_file() {
                crate::engines::in_a_file(crate::engines::$contact, super::$case);
            }

            #[test]
            fn in_postgresql() {
                crate::engines::in_postgresql(crate::engines::$contact, super::$case);
            }
        }
    )+};
}

pub const OPEN: ContactPolicy = ContactPolicy::Open;
pub const REQUEST: ContactPolicy = ContactPolicy::Request;

/// A copy that is made minutes later must not take the machine's clock for one that has jumped.
const FORGET_TIME: &str = "update clock set seen = 0, doubted = 0, given = 0";

fn open(url: &DatabaseUrl, contact: ContactPolicy) -> Store {
    Store::open(url, contact, &|_| false).unwrap()
}

pub fn in_memory(contact: ContactPolicy, case: fn(&Store)) {
    case(&open(&"sqlite::memory:".parse().unwrap(), contact));
}

/// Twice: what one process stored, the next one finds.
pub fn in_a_file(contact: ContactPolicy, case: fn(&Store)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(migrated_file()).unwrap();
    drop(file);
    let url = DatabaseUrl::file(&path);
    case(&open(&url, contact));
    case(&open(&url, contact));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let wrong = connection.query_row(quota::COUNT_WRONG, [], |row| row.get(0)).unwrap();
    assert_counts(wrong);
}

pub fn in_postgresql(contact: ContactPolicy, case: fn(&Store)) {
    let url = migrated_database();
    case(&open(&url.parse().unwrap(), contact));
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    assert_counts(client.query_one(quota::COUNT_WRONG, &[]).unwrap().get(0));
}

fn assert_counts(wrong: i64) {
    assert_eq!(wrong, 0, "accounts whose bytes or groups are counted wrong");
}

/// The bytes of a migrated database without rows.
fn migrated_file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("messenger.db");
        drop(open(&DatabaseUrl::file(&path), OPEN));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(FORGET_TIME).unwrap();
        connection.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
        drop(connection);
        let wal = Path::new(&path).with_extension("db-wal");
        assert!(std::fs::metadata(wal).map_or(0, |it| it.len()) == 0, "all is in the file");
        std::fs::read(path).unwrap()
    })
}

/// The URL of a migrated database without rows in PostgreSQL.
pub fn migrated_database() -> String {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let template = TEMPLATE.get_or_init(|| {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        drop(open(&url.parse().unwrap(), OPEN));
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(FORGET_TIME).unwrap();
        url
    });
    let (server, template) = template.rsplit_once('/').unwrap();
    let name = format!("case{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut client =
        postgres::Client::connect(&format!("{server}/postgres"), postgres::NoTls).unwrap();
    client.batch_execute(&format!("create database {name} template {template}")).unwrap();
    format!("{server}/{name}")
}
