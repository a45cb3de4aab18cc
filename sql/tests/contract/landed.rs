//! Every schema that has ever landed becomes the one of today, with what it holds.
//!
//! Some scripts were edited after they had landed. Their early forms are in `tests/fixtures`, named after the script's number
//! and the commit that it is from; all other scripts are those of `migrations`.

use sql::{DatabaseUrl, Store};
use wire::{AccountId, MessageId, Peer};

/// The scripts that made a database, without the rest of those of today.
type Made = Vec<&'static str>;

const ROWS: [&str; 2] =
    [include_str!("../fixtures/rows_1.sql"), include_str!("../fixtures/rows_2.sql")];

macro_rules! script {
    ($path:literal) => {
        include_str!(concat!("../", $path))
    };
}

const SQLITE: [&str; 5] = [
    script!("../migrations/sqlite/0001_accounts_and_logs.sql"),
    script!("../migrations/sqlite/0002_conversations.sql"),
    script!("../migrations/sqlite/0003_recent.sql"),
    script!("../migrations/sqlite/0004_message_requests.sql"),
    script!("../migrations/sqlite/0005_bounds.sql"),
];
const SQLITE_EARLY: [(usize, &str); 5] = [
    (1, script!("fixtures/sqlite/0001_at_5215101.sql")),
    (2, script!("fixtures/sqlite/0002_at_ae5b7bc.sql")),
    (2, script!("fixtures/sqlite/0002_at_b408266.sql")),
    (2, script!("fixtures/sqlite/0002_at_a9997c9.sql")),
    (3, script!("fixtures/sqlite/0003_at_2d1d305.sql")),
];
const POSTGRES: [&str; 7] = [
    script!("../migrations/postgres/0001_accounts_and_logs.sql"),
    script!("../migrations/postgres/0002_conversations.sql"),
    script!("../migrations/postgres/0003_entries.sql"),
    script!("../migrations/postgres/0004_member_by_whole_key.sql"),
    script!("../migrations/postgres/0005_pair_by_whole_key.sql"),
    script!("../migrations/postgres/0006_message_requests.sql"),
    script!("../migrations/postgres/0007_bounds.sql"),
];
const POSTGRES_EARLY: [(usize, &str); 7] = [
    (1, script!("fixtures/postgres/0001_at_5215101.sql")),
    (2, script!("fixtures/postgres/0002_at_ae5b7bc.sql")),
    (2, script!("fixtures/postgres/0002_at_b408266.sql")),
    (2, script!("fixtures/postgres/0002_at_e0f1bdf.sql")),
    (2, script!("fixtures/postgres/0002_at_a9997c9.sql")),
    (2, script!("fixtures/postgres/0002_at_962ebd7.sql")),
    (4, script!("fixtures/postgres/0004_at_6d274f5.sql")),
];

/// All that a program before checksums may have left: every version of today's scripts, and every early form of one, when it
/// had just run and when later scripts had run after it, as far as they could.
fn landed(today: &[&'static str], early: &[(usize, &'static str)]) -> Vec<(String, Made)> {
    let mut all: Vec<_> = (1..=today.len())
        .map(|version| (format!("version {version}"), today[..version].to_vec()))
        .collect();
    for (n, (version, script)) in early.iter().enumerate() {
        let mut made = today.to_vec();
        made[version - 1] = script;
        for end in [*version, today.len()] {
            all.push((format!("early form {n} in version {end}"), made[..end].to_vec()));
        }
    }
    all
}

/// Makes a database of these scripts, with rows; false if they cannot be run.
fn make(made: &Made, mut run: impl FnMut(&str) -> bool) -> bool {
    assert!(run("create table schema_version (version bigint primary key)"));
    made.iter().zip(1..).all(|(script, version)| {
        run(&format!(
            "begin; {script}; insert into schema_version (version) values ({version}); commit"
        )) && ROWS.get(version - 1).is_none_or(|rows| run(rows))
    })
}

/// What was stored is there, and every verb finds the tables it needs.
fn holds_everything(store: &Store, version: usize) {
    let (alice, bob) = (AccountId(1), AccountId(2));
    let history = store.history(bob, Peer::Account(alice), MessageId(99), 9).unwrap().unwrap();
    assert_eq!(history[0].content, "hello old world");
    assert_eq!(store.search(bob, "OLD wor", MessageId(99), 9).unwrap().len(), 1);
    let found = store.search(alice, "GRÜSSE", MessageId(99), 9).unwrap().len()
        + store.search(alice, "grüße", MessageId(99), 9).unwrap().len();
    assert_eq!(found > 0, version >= 2);
    crate::say(store, alice, bob, "and it goes on", "new");
}

pub fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let connect = |name: &str| rusqlite::Connection::open(directory.path().join(name)).unwrap();
    let open = |name: &str| crate::open(&DatabaseUrl::file(directory.path().join(name)));
    let schema = |name: &str| -> Vec<String> {
        let sql = "select type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '') from sqlite_master \
                   order by type, name";
        let connection = connect(name);
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| without_layout(&row.unwrap())).collect()
    };
    open("fresh");
    let signed = schema("fresh");
    connect("fresh").execute_batch("update schema_version set checksum = null").unwrap();
    open("fresh");
    assert_eq!(schema("fresh"), signed, "today's, from a program before checksums");
    for (n, (name, made)) in landed(&SQLITE, &SQLITE_EARLY).iter().enumerate() {
        let file = n.to_string();
        let connection = connect(&file);
        assert!(make(made, |sql| connection.execute_batch(sql).is_ok()), "{name}");
        drop(connection);
        holds_everything(&open(&file), made.len());
        assert_eq!(schema(&file), schema("fresh"), "{name}");
    }
}

/// Tables, columns, indices, constraints, functions and views.
const POSTGRES_SCHEMA: &str = "
    select 'column ' || a.attrelid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || ' ' || a.attnotnull || ' ' || a.attidentity::text || ' ' || coalesce(a.attstattarget, -1)
        || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
        from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    union all
    select 'class ' || relname || ' ' || relkind::text || ' ' || coalesce(reloptions::text, '') from pg_class
        where relnamespace = 'public'::regnamespace
    union all
    select indexdef from pg_indexes where schemaname = 'public'
    union all
    select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace
    union all
    select 'function ' || pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select 'view ' || viewname || ' ' || definition from pg_views where schemaname = 'public'
    order by 1";

pub fn postgresql() {
    let cluster = acceptance::Cluster::shared().unwrap();
    let schema = |url: &str| -> Vec<String> {
        let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        let rows = client.query(POSTGRES_SCHEMA, &[]).unwrap();
        rows.iter().map(|row| without_layout(row.get(0))).collect()
    };
    let fresh = cluster.database().unwrap();
    crate::open(&fresh.parse().unwrap());
    let signed = schema(&fresh);
    let mut client = postgres::Client::connect(&fresh, postgres::NoTls).unwrap();
    client.batch_execute("update schema_version set checksum = null").unwrap();
    crate::open(&fresh.parse().unwrap());
    assert_eq!(schema(&fresh), signed, "today's, from a program before checksums");
    for (name, made) in landed(&POSTGRES, &POSTGRES_EARLY) {
        let url = cluster.database().unwrap();
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        // The first form of 0001 lacks an index that 0005 drops: its databases stayed at version 4.
        let is_whole = make(&made, |sql| client.batch_execute(sql).is_ok());
        assert_eq!(is_whole, !name.starts_with("early form 0") || made.len() < 5, "{name}");
        drop(client);
        holds_everything(&crate::open(&url.parse().unwrap()), made.len());
        assert_eq!(schema(&url), signed, "{name}");
    }
}

/// Without comments, and with one space where there are several or a line ends.
fn without_layout(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// `run` runs a script, `count` one that counts; `open` opens the same database.
pub fn an_upgrade_is_whole_or_has_not_happened(
    first: &str,
    mut run: impl FnMut(&str),
    mut count: impl FnMut(&str) -> i64,
    open: impl Fn() -> Result<Store, sql::OpenError>,
) {
    run("create table schema_version (version bigint primary key)");
    run(first);
    run("insert into schema_version (version) values (1)");
    // The table that a later script makes is in its way.
    run("create table invitation (x integer)");
    assert!(open().is_err());
    assert_eq!(count("select count(*) from schema_version"), 1, "the program before still starts");
    run("drop table invitation");
    drop(open().unwrap());
    let signed = count("select count(*) from schema_version where checksum is not null");
    assert_eq!(signed, count("select max(version) from schema_version"));

    run("update schema_version set checksum = 'another' where version = 2");
    let error = open().err().unwrap().to_string();
    assert!(error.contains("schema version 2 was made by another script"), "{error}");
}
