//! What a deleted account leaves in the database's files goes, whoever is in the way.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use sql::{DatabaseUrl, Store};
use wire::AccountId;

use crate::sessions::open as open_session;
use crate::{NOW, account, open, say};

/// Until what was in the way is gone from the files: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody with an email, a name, a hash and a session that nothing else in the files has.
fn vanishing(store: &Store) -> AccountId {
    let bob = account(store, "Bob");
    let email = "vanishing.email@example.com";
    let id = store.create_account(email, "VanishingName", "vanishing-phc", NOW).unwrap();
    open_session(store, id, 77).unwrap();
    say(store, id, bob, "staying message", "r");
    id
}

const TRACES: [&str; 5] =
    ["vanishing.email", "VanishingName", "vanishing-phc", "MMMMMMMMMMMMMMMMMMMMMMMM", "device 77"];

/// Which traces are in the files of this directory.
fn traces(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap();
    // A file may go meanwhile.
    let bytes = files.filter_map(|file| fs::read(file.unwrap().path()).ok());
    let texts: Vec<_> = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let found = TRACES.iter().filter(|trace| texts.iter().any(|text| text.contains(**trace)));
    found.map(|trace| (*trace).to_owned()).collect()
}

/// Runs `work` while the store erases as it does in a program.
fn while_erasing<T>(store: &Store, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (stop, stopped) = sync_channel::<()>(1);
        scope.spawn(move || {
            store.keep_erasing(|time| stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout));
        });
        let done = work();
        drop(stop);
        done
    })
}

#[test]
fn a_reader_of_an_older_state_of_sqlite_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(directory.path().join("messenger.db"));
    let store = open(&url);
    let id = vanishing(&store);
    let reader = rusqlite::Connection::open(url.path().unwrap()).unwrap();
    let count = "select count(*) from account where email like 'vanishing%'";
    let mut read = reader.prepare(count).unwrap();
    reader.execute_batch("begin").unwrap();
    let mut sees = || read.query_row([], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(sees(), 1);

    assert!(store.delete_account(id, NOW).unwrap());
    let error = store.erase_deleted().unwrap_err().to_string();
    assert!(error.contains("reading"), "{error}");
    assert_eq!(sees(), 1, "it reads what it began to read");
    assert_eq!(traces(directory.path()).len(), TRACES.len());
    // A restart goes on with it.
    drop(store);
    let store = open(&url);
    while_erasing(&store, || {
        reader.execute_batch("rollback").unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !traces(directory.path()).is_empty() {
            assert!(Instant::now() < deadline, "{:?}", traces(directory.path()));
            thread::yield_now();
        }
    });
    assert_eq!(sees(), 0);
}

/// A database of its own in PostgreSQL.
struct Postgres {
    url: String,
    client: Client,
}

impl Postgres {
    fn new() -> Self {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let client = Client::connect(&url, NoTls).unwrap();
        Self { url, client }
    }

    /// Which traces are in its tables, indices and statistics on the disk.
    fn traces(&mut self) -> Vec<String> {
        self.client.batch_execute("checkpoint").unwrap();
        let directory = "select current_setting('data_directory') || '/base/' || oid from pg_database \
                         where datname = current_database()";
        let directory: String = self.client.query_one(directory, &[]).unwrap().get(0);
        traces(Path::new(&directory))
    }

    fn left(&mut self) -> i64 {
        self.client.query_one("select count(*) from erasure", &[]).unwrap().get(0)
    }
}

#[test]
fn a_deleted_account_is_gone_from_the_files_of_postgresql() {
    let mut postgres = Postgres::new();
    let store = open(&postgres.url.parse().unwrap());
    let id = vanishing(&store);
    postgres.client.batch_execute("analyze account; analyze session").unwrap();
    let samples = "select count(*) from pg_stats where (tablename, attname) in (('account', 'email'), ('account', 'name'), \
                   ('account', 'password'), ('session', 'token_hash'), ('session', 'device'))";
    assert_eq!(postgres.client.query_one(samples, &[]).unwrap().get::<_, i64>(0), 0);
    // Who reads an older state is not waited for, unless it has locked what is to be written anew.
    let mut reader = Client::connect(&postgres.url, NoTls).unwrap();
    reader.batch_execute("begin isolation level repeatable read; select * from log").unwrap();
    assert!(store.delete_account(id, NOW).unwrap());
    assert_eq!(postgres.traces().len(), TRACES.len(), "nothing to look for");
    while_erasing(&store, || {
        let deadline = Instant::now() + PATIENCE;
        while postgres.left() > 0 {
            assert!(Instant::now() < deadline, "{:?}", store.erase_deleted());
            thread::yield_now();
        }
    });
    assert_eq!(postgres.traces(), Vec::<String>::new());
    reader.batch_execute("rollback").unwrap();
    postgres.client.batch_execute("analyze account; analyze session").unwrap();
    assert_eq!(postgres.client.query_one(samples, &[]).unwrap().get::<_, i64>(0), 0);
    let again = store.create_account("vanishing.email@example.com", "N", "phc", NOW);
    assert!(again.is_ok_and(|again| again > id), "what there was still holds");
}

#[test]
fn who_has_locked_the_accounts_is_named() {
    let mut postgres = Postgres::new();
    let store = open(&postgres.url.parse().unwrap());
    let id = vanishing(&store);
    let mut other = Client::connect(&postgres.url, NoTls).unwrap();
    other.batch_execute("set application_name = 'copy'; begin; select * from account").unwrap();
    assert!(store.delete_account(id, NOW).unwrap());
    let in_the_way = || store.erase_deleted().unwrap_err().to_string();
    assert!(in_the_way().contains("(copy)"), "{}", in_the_way());
    other.batch_execute("prepare transaction 'left behind'").unwrap();
    assert!(in_the_way().contains("the prepared transaction left behind"), "{}", in_the_way());
    assert!(!postgres.traces().is_empty() && postgres.left() == 1);
    other.batch_execute("rollback prepared 'left behind'").unwrap();
    store.erase_deleted().unwrap();
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
}

#[test]
fn who_does_not_own_the_accounts_is_told_what_to_do() {
    let mut postgres = Postgres::new();
    let id = vanishing(&open(&postgres.url.parse().unwrap()));
    postgres
        .client
        .batch_execute("create role guest login; grant all on all tables in schema public to guest")
        .unwrap();
    let url = postgres.url.replacen("postgres@", "guest@", 1);
    assert_ne!(url, postgres.url);
    let store = open(&url.parse().unwrap());
    assert!(store.delete_account(id, NOW).unwrap());
    let error = store.erase_deleted().unwrap_err().to_string();
    assert!(error.contains("role guest does not own account and session"), "{error}");
    assert_eq!(postgres.left(), 1);
    let owned = "alter table account owner to guest; alter table session owner to guest; \
                 grant create on schema public to guest";
    postgres.client.batch_execute(owned).unwrap();
    store.erase_deleted().unwrap();
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
}
