//! Databases that older programs have made, on each engine.

use sql::{ContactPolicy, DatabaseUrl, Store};

use crate::{ask_first, landed, open, schema, upgrade, words};

#[test]
fn the_words_of_an_older_sqlite_are_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(path.clone());
    words::the_index_is_made_anew(
        || open(&url),
        || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            let script = "insert into message_text (message_text) values ('delete-all'); \
                          update indexed set message = 0";
            connection.execute_batch(script).unwrap();
        },
    );
}

#[test]
fn the_words_of_an_older_postgresql_are_made_anew() {
    let text = acceptance::Cluster::shared().unwrap().database().unwrap();
    let url = text.parse().unwrap();
    words::the_index_is_made_anew(
        || open(&url),
        || {
            let mut client = postgres::Client::connect(&text, postgres::NoTls).unwrap();
            client.batch_execute("update message set words = null").unwrap();
        },
    );
}

#[test]
fn the_schema_of_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let url = DatabaseUrl::file(&path);
    schema::two_nodes_may_start_at_once(&url);
    schema::a_newer_schema_is_refused(&url, || {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute("insert into schema_version (version) values (1000000)", []).unwrap();
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
        client.execute("insert into schema_version (version) values (1000000)", &[]).unwrap();
    });
}

#[test]
fn every_schema_that_has_landed_is_upgraded_in_sqlite() {
    landed::sqlite();
}

#[test]
fn every_schema_that_has_landed_is_upgraded_in_postgresql() {
    landed::postgresql();
}

#[test]
fn an_upgrade_of_sqlite_is_whole_or_has_not_happened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    landed::an_upgrade_is_whole_or_has_not_happened(
        include_str!("../../migrations/sqlite/0001_accounts_and_logs.sql"),
        |sql| connection.execute_batch(sql).unwrap(),
        |sql| connection.query_row(sql, [], |row| row.get(0)).unwrap(),
        || Store::open(&DatabaseUrl::file(path.clone()), ContactPolicy::Request, &|_| false),
    );
}

#[test]
fn an_upgrade_of_postgresql_is_whole_or_has_not_happened() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let connect = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    landed::an_upgrade_is_whole_or_has_not_happened(
        include_str!("../../migrations/postgres/0001_accounts_and_logs.sql"),
        |sql| connect().batch_execute(sql).unwrap(),
        |sql| connect().query_one(sql, &[]).unwrap().get(0),
        || Store::open(&url.parse().unwrap(), ContactPolicy::Request, &|_| false),
    );
}

#[test]
fn sqlite_is_upgraded_with_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let first = include_str!("../../migrations/sqlite/0001_accounts_and_logs.sql");
    upgrade::from_the_first_schema(
        first,
        |sql| connection.execute_batch(sql).unwrap(),
        || ask_first(&DatabaseUrl::file(path.clone())),
    );
}

#[test]
fn postgresql_is_upgraded_with_what_it_holds() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let first = include_str!("../../migrations/postgres/0001_accounts_and_logs.sql");
    upgrade::from_the_first_schema(
        first,
        |sql| client.batch_execute(sql).unwrap(),
        || ask_first(&url.parse().unwrap()),
    );
}

#[test]
fn what_sqlite_withholds_is_upgraded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messenger.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    upgrade::what_is_withheld_becomes_runs(
        &[
            include_str!("../../migrations/sqlite/0001_accounts_and_logs.sql"),
            include_str!("../../migrations/sqlite/0002_conversations.sql"),
            include_str!("../../migrations/sqlite/0003_recent.sql"),
            include_str!("../../migrations/sqlite/0004_message_requests.sql"),
        ],
        |sql| connection.execute_batch(sql).unwrap(),
        || open(&DatabaseUrl::file(path.clone())),
        || {
            let mut runs = connection.prepare(RUNS).unwrap();
            let runs = runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            runs.collect::<Result<_, _>>().unwrap()
        },
    );
}

#[test]
fn what_postgresql_withholds_is_upgraded() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    let client = || postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (mut client, mut other) = (client(), client());
    upgrade::what_is_withheld_becomes_runs(
        &POSTGRES_BEFORE_BOUNDS,
        |sql| client.batch_execute(sql).unwrap(),
        || open(&url.parse().unwrap()),
        || {
            let runs = other.query(RUNS, &[]).unwrap();
            runs.iter().map(|row| (row.get(0), row.get(1))).collect()
        },
    );
}

const POSTGRES_BEFORE_BOUNDS: [&str; 6] = [
    include_str!("../../migrations/postgres/0001_accounts_and_logs.sql"),
    include_str!("../../migrations/postgres/0002_conversations.sql"),
    include_str!("../../migrations/postgres/0003_entries.sql"),
    include_str!("../../migrations/postgres/0004_member_by_whole_key.sql"),
    include_str!("../../migrations/postgres/0005_pair_by_whole_key.sql"),
    include_str!("../../migrations/postgres/0006_message_requests.sql"),
];

#[test]
fn postgresql_with_many_accounts_is_upgraded_in_seconds() {
    let url = acceptance::Cluster::shared().unwrap().database().unwrap();
    upgrade::many_accounts_take_seconds(&url, &POSTGRES_BEFORE_BOUNDS);
}

const RUNS: &str = "select message, run from withheld order by message";
