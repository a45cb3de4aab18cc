//! Emails that mean the same, and accounts from before they were compared so.

use std::sync::Barrier;

use sql::{DatabaseUrl, Error, Store};
use wire::AccountId;

use crate::open;

/// The schema before emails had keys.
macro_rules! scripts {
    ($($path:literal)*) => { [$(include_str!(concat!("../../migrations/", $path, ".sql"))),*] };
}

#[test]
fn sqlite_keeps_the_accounts_from_before_emails_had_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    from_before_emails_had_keys(
        &scripts!(
            "sqlite/0001_accounts_and_logs" "sqlite/0002_conversations" "sqlite/0003_recent"
            "sqlite/0004_message_requests" "sqlite/0005_bounds"
        ),
        |sql| connection.execute_batch(sql).unwrap(),
        || open(&DatabaseUrl::file(path.clone())),
    );
}

#[test]
fn postgresql_keeps_the_accounts_from_before_emails_had_keys() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    from_before_emails_had_keys(
        &scripts!(
            "postgres/0001_accounts_and_logs" "postgres/0002_conversations" "postgres/0003_entries"
            "postgres/0004_member_by_whole_key" "postgres/0005_pair_by_whole_key"
            "postgres/0006_message_requests" "postgres/0007_bounds"
        ),
        |sql| client.batch_execute(sql).unwrap(),
        || open(&url.parse().unwrap()),
    );
}

/// Accounts whose emails had been told apart, and such as nobody could sign up with any more, are all there after the upgrade,
/// each for who has its email; also if two nodes start at once.
fn from_before_emails_had_keys(
    scripts: &[&str],
    mut run: impl FnMut(&str),
    open: impl Fn() -> Store + Sync,
) {
    let emails = [
        "straße@x",
        "strasse@x",
        "jose\u{301}@x",
        "jos\u{e9}@x",
        "name<a@ex.com>",
        "a@.",
        "a@bücher.de",
        "al\u{200b}ice@x",
        "carol@x",
    ];
    run("create table schema_version (version bigint primary key)");
    for (number, script) in scripts.iter().enumerate() {
        run(script);
        run(&format!("insert into schema_version (version) values ({})", number + 1));
    }
    for email in emails {
        run(&format!(
            "insert into account (email, name, password, created_at) values ('{email}', 'N', 'p', 1)"
        ));
    }
    run("insert into account (created_at) values (1)");
    run("insert into log (account) select id from account where email is not null");

    let barrier = Barrier::new(2);
    let stores = std::thread::scope(|scope| {
        let start = || {
            barrier.wait();
            open()
        };
        [scope.spawn(start), scope.spawn(start)].map(|node| node.join().unwrap())
    });
    for store in &stores {
        let found = |email: &str| {
            let found = store.find_by_email(email).unwrap().map(|account| account.id.0);
            let credentials = store.credentials(email).unwrap();
            assert_eq!(credentials.map(|it| it.account.id.0), found, "{email}");
            found
        };
        for (number, email) in (1..).zip(emails) {
            assert_eq!(found(email), Some(number), "{email}");
            assert_eq!(store.account(AccountId(number)).unwrap().unwrap().email, email);
        }
        assert_eq!(found("STRASSE@X"), Some(2));
        assert_eq!(found("JOSE\u{301}@x"), Some(3));
        assert_eq!(found("a@XN--bcher-kva.de"), Some(7));
        assert_eq!(found("Carol@x"), Some(9));
        assert_eq!(found("alice@x"), None);
    }
    let [store, _] = stores;
    let taken =
        |email: &str| matches!(store.create_account(email, "N", "p", 1), Err(Error::AlreadyExists));
    for email in ["STRASSE@x", "straſse@x", "jos\u{e9}@x", "A@b\u{fc}cher.DE", "carol@x"] {
        assert!(taken(email), "{email}");
    }
    // Of two that mean the same the younger one takes over.
    assert!(store.delete_account(AccountId(1), 2).unwrap());
    assert_eq!(store.find_by_email("straße@x").unwrap().unwrap().id, AccountId(2));
    assert!(taken("straße@x"));
    assert!(store.delete_account(AccountId(2), 2).unwrap());
    assert!(!taken("straße@x"));
}
