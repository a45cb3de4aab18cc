//! What keeps a program from starting on PostgreSQL, and what is waited for.

use std::cell::{Cell, RefCell};
use std::fs;

use acceptance::{Cluster, Pooler};
use postgres::{Client, NoTls};
use sql::{ContactPolicy, DatabaseUrl, OpenError, Store};

/// Connections that a program opens; see `sql/src/limit.rs`.
const NEEDED: usize = 13;

/// Why a store is not opened at once: for good, or until something passes.
#[derive(Debug)]
enum Said {
    Refused(String),
    Waits(String),
}

fn said(url: &str) -> Said {
    let url: DatabaseUrl = url.parse().unwrap();
    let reason = RefCell::new(String::new());
    let patience = |text: &str| {
        text.clone_into(&mut reason.borrow_mut());
        false
    };
    match Store::open(&url, ContactPolicy::Request, &patience).err().unwrap() {
        OpenError::Stopped => Said::Waits(reason.take()),
        error => Said::Refused(error.to_string()),
    }
}

fn is_refused(url: &str, words: &[&str]) {
    let said = said(url);
    let Said::Refused(text) = &said else { panic!("{url}: {said:?}") };
    assert!(words.iter().all(|word| text.contains(word)), "{url}: {text}");
}

fn run(url: &str, sql: &str) {
    Client::connect(url, NoTls).unwrap().batch_execute(sql).unwrap();
}

/// The same URL with another database.
fn named(url: &str, name: &str) -> String {
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// The same URL for another role.
fn by(url: &str, user: &str) -> String {
    url.replace("//postgres@", &format!("//{user}@"))
}

pub fn what_cannot_hold_all_text_or_is_not_there_is_refused() {
    let url = Cluster::shared().unwrap().database().unwrap();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        run(
            &url,
            &format!(
                "create database in_{encoding} encoding '{encoding}' locale 'C' template template0"
            ),
        );
        is_refused(
            &named(&url, &format!("in_{}", encoding.to_lowercase())),
            &[encoding, "createdb --encoding UTF8"],
        );
    }
    is_refused(&named(&url, "nowhere"), &["\"nowhere\" does not exist", "createdb nowhere"]);
    is_refused(&by(&url, "nobody_at_all"), &["nobody_at_all"]);
}

pub fn rights_are_asked_for_by_name() {
    let url = Cluster::shared().unwrap().database().unwrap();
    run(
        &url,
        "create role plain login; revoke all on schema public from public; grant usage on schema public to plain",
    );
    is_refused(&by(&url, "plain"), &["grant usage, create on schema public to \"plain\""]);
    drop(crate::open(&url.parse().unwrap()));
    is_refused(
        &by(&url, "plain"),
        &["grant select, insert, update, delete on all tables in schema public to \"plain\""],
    );
    // These are enough while the schema is the program's.
    run(&url, "grant select, insert, update, delete on all tables in schema public to plain");
    let store = crate::open(&by(&url, "plain").parse().unwrap());
    crate::account(&store, "Alice");
    drop(store);
    run(&url, "update schema_version set checksum = null");
    is_refused(&by(&url, "plain"), &["start it once as the role that owns the tables"]);
    run(
        &url,
        "create role closed login; do $$ begin execute format('revoke connect on database %I from public', current_database()); end $$",
    );
    is_refused(&by(&url, "closed"), &["grant connect on database", "to \"closed\""]);
}

pub fn there_must_be_room_for_its_connections() {
    let url = Cluster::shared().unwrap().database().unwrap();
    run(&url, "create role few login connection limit 5; grant create on schema public to few");
    is_refused(&by(&url, "few"), &["needs 13 connections", "lets few have 5"]);
    run(&url, &format!("alter role few connection limit {}", NEEDED + 2));
    let few = by(&url, "few");
    // Taken by others: that may pass.
    let others: Vec<_> = (0..8).map(|_| Client::connect(&few, NoTls).unwrap()).collect();
    let others = Cell::new(Some(others));
    let reasons = RefCell::new(Vec::new());
    let patience = |reason: &str| {
        reasons.borrow_mut().push(reason.to_owned());
        drop(others.take());
        reasons.borrow().len() < 100
    };
    drop(Store::open(&few.parse().unwrap(), ContactPolicy::Request, &patience).unwrap());
    assert!(reasons.borrow()[0].contains("needs 13 connections, and 7 are free"), "{reasons:?}");
}

pub fn durability_and_passwords() {
    let cluster = Cluster::make().unwrap();
    cluster.start_with(&["fsync=off"]).unwrap();
    let url = cluster.database().unwrap();
    is_refused(&url, &["fsync=off", "set fsync = on"]);
    cluster.stop_immediately().unwrap();
    cluster.start().unwrap();
    run(
        &url,
        "set password_encryption = 'scram-sha-256'; create role secret login password 'hunter2'; grant all on schema public to secret",
    );
    let rules: String = {
        let mut client = Client::connect(&url, NoTls).unwrap();
        client.query_one("show hba_file", &[]).unwrap().get(0)
    };
    let before = fs::read_to_string(&rules).unwrap();
    fs::write(
        &rules,
        format!("host all secret all scram-sha-256\nhost all barred all reject\n{before}"),
    )
    .unwrap();
    run(&url, "create role barred login; select pg_reload_conf()");
    acceptance::until("the new rules", acceptance::PATIENCE, || {
        Ok(Client::connect(&by(&url, "secret"), NoTls).is_err().then_some(()))
    })
    .unwrap();
    is_refused(&by(&url, "secret"), &["asks for a password and the URL has none"]);
    is_refused(
        &by(&url, "secret:wrong"),
        &["password authentication failed", "the URL's password"],
    );
    is_refused(&by(&url, "barred"), &["pg_hba.conf"]);

    // While it runs a changed password is waited for.
    let store = crate::open(&by(&url, "secret:hunter2").parse().unwrap());
    run(&url, "set password_encryption = 'scram-sha-256'; alter role secret password 'other'");
    run(&url, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'secret'");
    let answer = store.account(wire::AccountId(1));
    assert!(matches!(answer, Err(sql::Error::Unavailable(_))), "{answer:?}");
    run(&url, "set password_encryption = 'scram-sha-256'; alter role secret password 'hunter2'");
    store.account(wire::AccountId(1)).unwrap();
}

pub fn a_pooler_lends_whole_sessions() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    for mode in ["transaction", "statement"] {
        for size in [1, 20] {
            let pooler = Pooler::start(cluster, &url, mode, size).unwrap();
            is_refused(&pooler.url(&url), &["pool_mode = session"]);
        }
    }
    // One that lends in turn, and to others too.
    for mode in ["transaction", "transaction\nserver_round_robin = 1"] {
        let pooler = Pooler::start(cluster, &url, mode, 20).unwrap();
        let pooled = pooler.url(&url);
        let mut others: Vec<_> = (0..3).map(|_| Client::connect(&pooled, NoTls).unwrap()).collect();
        for step in ["begin; select 1", "commit"] {
            others.iter_mut().for_each(|client| client.batch_execute(step).unwrap());
        }
        is_refused(&pooled, &["pool_mode = session"]);
    }
    let pooler = Pooler::start(cluster, &url, "session", 20).unwrap();
    let store = crate::open(&pooler.url(&url).parse().unwrap());
    crate::messages::ALL.iter().for_each(|case| case(&store));
    drop(store);
    let pooler = Pooler::start(cluster, &url, "session", 4).unwrap();
    let said = said(&pooler.url(&url));
    let Said::Waits(text) = &said else { panic!("{said:?}") };
    assert!(text.contains("needs 13 connections, and after 4 no more came"), "{text}");
}
