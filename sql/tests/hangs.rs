//! A database that is there and says nothing: every wait ends, and what became of a commit is learned later.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::Cluster;
use sql::{Batch, ContactPolicy, Error, Operation, Store, Submission};
use wire::{AccountId, Recipient, Seq};

/// The contract's ten seconds for a commit, and some to notice on a slow machine.
const COMMIT_WITHIN: Duration = Duration::from_secs(16);
/// Three seconds for a look-up, and some.
const READ_WITHIN: Duration = Duration::from_secs(9);
/// Connections of a store that write, without that for messages.
const WRITERS: i64 = 4;
/// For what the database does by itself.
const SOON: Duration = Duration::from_secs(60);

struct TestDatabase {
    cluster: Cluster,
    url: String,
    store: Store,
    me: AccountId,
}

fn database() -> TestDatabase {
    let cluster = Cluster::make().unwrap();
    cluster.start().unwrap();
    let url = cluster.database().unwrap();
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
    let me = store.create_account("a@x", "Alice", "phc", 1).unwrap();
    let database = TestDatabase { cluster, url, store, me };
    database.commit().unwrap();
    database
}

impl TestDatabase {
    fn commit(&self) -> sql::Result<sql::Committed> {
        let operation = Operation::Post {
            to: Recipient::Account(self.me),
            content: "x".to_owned(),
            files: Vec::new(),
            reply_to: None,
        };
        let act = Submission { by: self.me, reference: None, operation };
        self.store.commit(&Batch { submissions: vec![act], ..Batch::default() }, 1)
    }

    fn head(&self) -> Option<Seq> {
        self.store
            .heads_after_doubt(&[self.me])
            .ok()
            .and_then(|heads| heads.first().map(|(_, head)| *head))
    }

    fn ask(&self, text: &str) {
        let mut client = postgres::Client::connect(&self.url, postgres::NoTls).unwrap();
        client.batch_execute(text).unwrap();
    }

    fn set_standby(&self, name: &str) {
        self.ask(&format!("alter system set synchronous_standby_names = '{name}'"));
        self.ask("select pg_reload_conf()");
        self.until("the setting", || {
            let mut client = postgres::Client::connect(&self.url, postgres::NoTls).unwrap();
            let row = client.query_one("show synchronous_standby_names", &[]).unwrap();
            row.get::<_, String>(0) == name
        });
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !is_so() {
            assert!(Instant::now() < deadline, "waited for {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_commit_whose_standby_is_gone_is_in_doubt_and_learned_later() {
    let database = database();
    database.set_standby("nobody");
    let begin = Instant::now();
    let done = database.commit();
    assert!(matches!(done, Err(Error::InDoubt(_))), "{done:?}");
    assert!(begin.elapsed() < COMMIT_WITHIN, "{:?}", begin.elapsed());
    database.set_standby("");
    database.until("the commit to be known", || database.head() == Some(Seq(2)));
    database.commit().unwrap();
}

/// PostgreSQL shows a commit whose wait for the standby is cancelled. If the standby then takes over, it is gone.
#[test]
fn a_commit_that_was_given_up_is_shown_to_nobody_until_the_standby_has_it() {
    let database = database();
    let events = || database.store.events(database.me, Seq(0), 9).map(|events| events.len());
    let mut client = postgres::Client::connect(&database.url, postgres::NoTls).unwrap();
    let mut waiting_for = |seconds: i32| -> i64 {
        let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep' \
                       and clock_timestamp() - state_change > $1 * interval '1 s'";
        client.query_one(waiting, &[&f64::from(seconds)]).unwrap().get(0)
    };
    database.set_standby("nobody");
    assert!(matches!(database.commit(), Err(Error::InDoubt(_))));
    // Those that come after it are refused, and do not pile up behind it.
    for _ in 0..20 {
        let begin = Instant::now();
        let done = database.commit();
        let Err(Error::Unavailable(text)) = done else { panic!("{done:?}") };
        assert!(text.contains("synchronous_standby_names"), "{text}");
        let created = database.store.create_account("b@x", "Bob", "phc", 1);
        assert!(matches!(created, Err(Error::InDoubt(_) | Error::Unavailable(_))), "{created:?}");
        assert!(begin.elapsed() < COMMIT_WITHIN, "{:?}", begin.elapsed());
    }
    assert!(waiting_for(0) <= 1 + WRITERS, "{}", waiting_for(0));
    // Longer than any statement may take.
    let deadline = Instant::now() + SOON;
    while waiting_for(16) == 0 {
        assert!(Instant::now() < deadline, "PostgreSQL still waits for the standby");
        assert_eq!(events().unwrap(), 1, "nobody sees it while it waits");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(events().unwrap(), 1);
    database.set_standby("");
    database.until("the commit", || events().unwrap() == 2);
    database.until("commits to be back", || database.commit().is_ok());
    assert_eq!(events().unwrap(), 3);
}

/// A server that has crashed shows commits that nobody has confirmed. If its standby takes over, they are gone.
#[test]
fn what_a_crashed_server_recovers_is_read_only_once_its_standby_has_it() {
    let database = database();
    let events = || database.store.events(database.me, Seq(0), 9).map(|events| events.len());
    assert_eq!(events().unwrap(), 1);
    database.set_standby("nobody");
    thread::scope(|scope| {
        let commit = scope.spawn(|| database.commit());
        database.until("the wait", || {
            let mut client = postgres::Client::connect(&database.url, postgres::NoTls).unwrap();
            let waiting = "select from pg_stat_activity where wait_event = 'SyncRep'";
            !client.query(waiting, &[]).unwrap().is_empty()
        });
        assert_eq!(events().unwrap(), 1, "nobody sees it while it waits");
        database.cluster.stop_immediately().unwrap();
        database.cluster.start().unwrap();
        assert!(matches!(commit.join().unwrap(), Err(Error::InDoubt(_) | Error::Unavailable(_))));
    });
    let mut client = postgres::Client::connect(&database.url, postgres::NoTls).unwrap();
    let stored: i64 = client.query_one("select count(*) from event", &[]).unwrap().get(0);
    assert_eq!(stored, 2, "the server has recovered it");
    for _ in 0..3 {
        let begin = Instant::now();
        let read = events();
        assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
        assert!(begin.elapsed() < READ_WITHIN, "{:?}", begin.elapsed());
    }
    database.set_standby("");
    database.until("reads to be back", || events().is_ok());
    assert_eq!(events().unwrap(), 2);
    // From then on a standby that is away keeps no reader out, also after commits that were given up.
    database.set_standby("nobody");
    assert!(matches!(database.commit(), Err(Error::InDoubt(_))));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(events().unwrap() >= 2));
        }
    });
}

#[test]
fn a_wait_for_a_standby_that_is_given_up_is_no_confirmation() {
    let database = database();
    database.set_standby("nobody");
    thread::scope(|scope| {
        let commit = scope.spawn(|| database.commit());
        database.until("the wait", || {
            let mut client = postgres::Client::connect(&database.url, postgres::NoTls).unwrap();
            let sql =
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
            !client.query(sql, &[]).unwrap().is_empty()
        });
        let done = commit.join().unwrap();
        let Err(Error::InDoubt(text)) = done else { panic!("{done:?}") };
        assert!(text.contains("synchronous replication"), "{text}");
    });
}

#[test]
fn a_frozen_database_keeps_nobody_for_long_and_no_reader_for_good() {
    let database = database();
    let frozen = database.cluster.freeze().unwrap();
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let found = database.store.account(database.me);
                assert!(matches!(found, Err(Error::Unavailable(_))), "{found:?}");
            });
        }
    });
    // Four at a time.
    assert!(begin.elapsed() < 2 * READ_WITHIN, "{:?}", begin.elapsed());
    let begin = Instant::now();
    let done = database.commit();
    assert!(matches!(done, Err(Error::Unavailable(_) | Error::InDoubt(_))), "{done:?}");
    assert!(begin.elapsed() < COMMIT_WITHIN, "{:?}", begin.elapsed());
    let begin = Instant::now();
    database.store.checkpoint();
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    drop(frozen);
    database.until("the database to be back", || database.store.account(database.me).is_ok());
    database.until("commits to be back", || database.commit().is_ok());
}

/// What is told about the store, once it is told.
fn told(store: &Store, code: Option<&str>) {
    let deadline = Instant::now() + SOON;
    while store.health().err().map(|unwell| unwell.code) != code {
        assert!(Instant::now() < deadline, "{code:?} is not told but {:?}", store.health());
        thread::sleep(Duration::from_millis(50));
    }
}

/// Nobody uses the store but the probe, until `faults` is through.
fn probed(store: &Store, faults: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            store.run_health_probes(|time| {
                thread::sleep(time / 10);
                over.load(Ordering::Relaxed)
            });
        });
        let _over = Over(&over);
        faults();
    });
}

/// Ends the probe, however the test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_postgresql_does_not_do_is_told_and_so_is_that_it_does_again() {
    let database = database();
    probed(&database.store, || {
        told(&database.store, None);
        database.set_standby("nobody");
        told(&database.store, Some("not_storing"));
        database.set_standby("");
        told(&database.store, None);
        database.ask("alter system set default_transaction_read_only = on");
        database.ask("select pg_reload_conf()");
        told(&database.store, Some("not_storing"));
        database.ask("alter system reset default_transaction_read_only");
        database.ask("select pg_reload_conf()");
        told(&database.store, None);
        let frozen = database.cluster.freeze().unwrap();
        told(&database.store, Some("not_storing"));
        drop(frozen);
        told(&database.store, None);
    });
}

#[test]
fn what_sqlite_does_not_do_is_told_and_so_is_that_it_does_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
    probed(&store, || {
        told(&store, None);
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("begin immediate").unwrap();
        told(&store, Some("not_storing"));
        other.execute_batch("rollback").unwrap();
        told(&store, None);
    });
}

#[test]
fn a_damaged_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url.parse().unwrap(), ContactPolicy::Open, &|_| false).unwrap();
    store.checkpoint();
    // All but the first page, before anybody has read it.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let junk = vec![0xA5; usize::try_from(file.metadata().unwrap().len()).unwrap() - 4096];
    std::os::unix::fs::FileExt::write_all_at(&file, &junk, 4096).unwrap();
    probed(&store, || told(&store, Some("damaged")));
}
