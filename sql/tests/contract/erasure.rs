//! What a deleted account leaves in the database's files goes, whoever is in the way.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
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
            store.run_eraser(|time| stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout));
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
    let error = store.erase_deleted_from_files().unwrap_err().to_string();
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
        let left = "select count(*) from erasure where account > 0";
        self.client.query_one(left, &[]).unwrap().get(0)
    }

    /// The file that holds the accounts: another one after each rewrite.
    fn file(&mut self) -> i64 {
        let file = "select relfilenode::bigint from pg_class where oid = 'account'::regclass";
        self.client.query_one(file, &[]).unwrap().get(0)
    }

    /// Makes the last rewrite one of a minute ago.
    fn let_a_minute_pass(&mut self) {
        let earlier = "update erasure set at = at - 60000 where account = 0";
        self.client.batch_execute(earlier).unwrap();
    }

    /// Somebody whose snapshot of the database is as it is now, and who has locked nothing.
    fn snapshot(&self, name: &str) -> Client {
        let mut reader = Client::connect(&self.url, NoTls).unwrap();
        let begin = format!(
            "set application_name = '{name}'; begin isolation level repeatable read; select 1"
        );
        reader.batch_execute(&begin).unwrap();
        reader
    }

    /// The same, once no transaction is open that has begun before the deletion.
    fn snapshot_after_the_deletion(&self) -> Client {
        let newer = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint > xmin::text::bigint \
                     from erasure where account > 0";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut reader = self.snapshot("after");
            if reader.query_one(newer, &[]).unwrap().get(0) {
                return reader;
            }
            assert!(Instant::now() < deadline, "others go on for long");
        }
    }
}

/// Erases once nothing is in the way any more. Every transaction of the cluster is, also one that another test has open for a moment.
pub fn erase(store: &Store) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = store.erase_deleted_from_files() {
        assert!(Instant::now() < deadline, "{error}");
        thread::yield_now();
    }
}

/// Waits until this is named as what is in the way; see [`erase`].
fn is_in_the_way(store: &Store, named: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = store.erase_deleted_from_files().unwrap_err().to_string();
        if error.contains(named) {
            return;
        }
        assert!(Instant::now() < deadline, "{error}");
        thread::yield_now();
    }
}

/// Looks once, as each process does every two seconds, whether there is somebody to erase.
fn look_once(store: &Store) {
    let looks = AtomicU32::new(0);
    store.run_eraser(|_| looks.fetch_add(1, Ordering::Relaxed) > 0);
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
    assert!(store.delete_account(id, NOW).unwrap());
    assert_eq!(postgres.traces().len(), TRACES.len(), "nothing to look for");
    while_erasing(&store, || {
        let deadline = Instant::now() + PATIENCE;
        while postgres.left() > 0 {
            assert!(Instant::now() < deadline, "{:?}", store.erase_deleted_from_files());
            postgres.let_a_minute_pass();
            thread::yield_now();
        }
    });
    assert_eq!(postgres.traces(), Vec::<String>::new());
    postgres.client.batch_execute("analyze account; analyze session").unwrap();
    assert_eq!(postgres.client.query_one(samples, &[]).unwrap().get::<_, i64>(0), 0);
    let again = store.create_account("vanishing.email@example.com", "N", "phc", NOW);
    assert!(again.is_ok_and(|again| again > id), "what there was still holds");
}

#[test]
fn postgresql_samples_no_column_with_words_of_people() {
    let mut postgres = Postgres::new();
    drop(open(&postgres.url.parse().unwrap()));
    let sampled = "select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid \
                   where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 \
                   and not a.attisdropped and a.atttypid = 'text'::regtype and coalesce(a.attstattarget, -1) <> 0 \
                   order by 1";
    let rows = postgres.client.query(sampled, &[]).unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Ids, digests, media types, hosts of push services, and the `ref` by which a client repeats a message.
    let allowed = [
        "account.picture",
        "blob.hash",
        "blob.name",
        "bus.id",
        "file.id",
        "file.kind",
        "file.thumbnail",
        "file.type",
        "message.ref",
        "message_file.file",
        "piece.blob",
        "piece.file",
        "push_host.host",
        "push_subscription.host",
        "schema_version.checksum",
    ];
    assert_eq!(found, allowed);
}

#[test]
fn who_has_locked_the_accounts_is_named() {
    let mut postgres = Postgres::new();
    let store = open(&postgres.url.parse().unwrap());
    let id = vanishing(&store);
    let mut other = Client::connect(&postgres.url, NoTls).unwrap();
    other.batch_execute("set application_name = 'copy'; begin; select * from account").unwrap();
    assert!(store.delete_account(id, NOW).unwrap());
    is_in_the_way(&store, "(copy)");
    other.batch_execute("prepare transaction 'left behind'").unwrap();
    is_in_the_way(&store, "the prepared transaction left behind");
    assert!(!postgres.traces().is_empty() && postgres.left() == 1);
    other.batch_execute("rollback prepared 'left behind'").unwrap();
    erase(&store);
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
}

#[test]
fn who_reads_an_older_state_of_postgresql_is_waited_for_and_loses_nothing() {
    let mut postgres = Postgres::new();
    let store = open(&postgres.url.parse().unwrap());
    let carol = account(&store, "Carol");
    open_session(&store, carol, 78).unwrap();
    let id = vanishing(&store);
    let counts = |reader: &mut Client| -> (i64, i64) {
        let count = "select (select count(*) from account), (select count(*) from session)";
        let row = reader.query_one(count, &[]).unwrap();
        (row.get(0), row.get(1))
    };
    let sees_email = |reader: &mut Client| -> i64 {
        let count = "select count(*) from account where email like 'vanishing%'";
        reader.query_one(count, &[]).unwrap().get(0)
    };
    let mut before = postgres.snapshot("before");
    assert!(store.delete_account(id, NOW).unwrap());
    let mut after = postgres.snapshot_after_the_deletion();

    is_in_the_way(&store, "(before)");
    assert_eq!(postgres.left(), 1);
    assert_eq!(sees_email(&mut before), 1, "it reads what it began to read");
    assert_eq!(counts(&mut before), (3, 2));
    before.batch_execute("rollback").unwrap();

    // A dump takes its snapshot first and locks each table when it comes to it: nothing is missing then.
    erase(&store);
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
    assert_eq!(counts(&mut after), (3, 1), "the snapshot is older than the rewrite");
}

#[test]
fn who_has_begun_to_write_before_a_deletion_is_waited_for() {
    let mut postgres = Postgres::new();
    let store = open(&postgres.url.parse().unwrap());
    let id = vanishing(&store);
    let mut other = Client::connect(&postgres.url, NoTls).unwrap();
    other.batch_execute("set application_name = 'writer'; begin; select txid_current()").unwrap();
    assert!(store.delete_account(id, NOW).unwrap());
    is_in_the_way(&store, "(writer)");
    other.batch_execute("prepare transaction 'begun before'").unwrap();
    is_in_the_way(&store, "the prepared transaction begun before");
    assert_eq!(postgres.left(), 1);
    other.batch_execute("rollback prepared 'begun before'").unwrap();
    erase(&store);
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
}

#[test]
fn postgresql_writes_its_tables_anew_once_a_minute_however_many_ask() {
    let mut postgres = Postgres::new();
    let url: DatabaseUrl = postgres.url.parse().unwrap();
    let store = open(&url);
    let [first, second] = ["First", "Second"].map(|name| account(&store, name));
    assert!(store.delete_account(first, NOW).unwrap());
    erase(&store);
    let others: Vec<_> = (0..2).map(|_| open(&url)).collect();
    assert!(store.delete_account(second, NOW).unwrap());
    let file = postgres.file();
    others.iter().for_each(look_once);
    assert_eq!((postgres.left(), postgres.file()), (1, file), "again within a minute");

    // Whoever is at it keeps the others away, however long it takes.
    let mut busy = Client::connect(&postgres.url, NoTls).unwrap();
    busy.batch_execute("select pg_advisory_lock(7236838)").unwrap();
    postgres.let_a_minute_pass();
    look_once(&open(&url));
    assert_eq!((postgres.left(), postgres.file()), (1, file), "two at one time");
    busy.batch_execute("select pg_advisory_unlock(7236838)").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while postgres.left() > 0 {
        assert!(Instant::now() < deadline, "a minute has passed");
        look_once(&open(&url));
        postgres.let_a_minute_pass();
    }
    assert_ne!(postgres.file(), file);
}

#[test]
fn who_does_not_own_the_accounts_is_told_what_to_do() {
    let mut postgres = Postgres::new();
    let id = vanishing(&open(&postgres.url.parse().unwrap()));
    postgres
        .client
        .batch_execute("create role guest login; grant select, insert, update, delete on all tables in schema public to guest")
        .unwrap();
    let url = postgres.url.replacen("postgres@", "guest@", 1);
    assert_ne!(url, postgres.url);
    let store = open(&url.parse().unwrap());
    assert!(store.delete_account(id, NOW).unwrap());
    let error = store.erase_deleted_from_files().unwrap_err().to_string();
    assert!(
        error.contains("role guest does not own account, push_subscription, session"),
        "{error}"
    );
    assert_eq!(postgres.left(), 1);
    let owned = "alter table account owner to guest; alter table session owner to guest; \
                 alter table push_subscription owner to guest; \
                 grant create on schema public to guest";
    postgres.client.batch_execute(owned).unwrap();
    erase(&store);
    assert_eq!((postgres.traces(), postgres.left()), (Vec::new(), 0));
}
