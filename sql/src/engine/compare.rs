//! Runs statements on both engines, on the same rows and with the same parameters, and compares the returned rows and the changed
//! tables. Each `statements!` block has a test that does this for all of its statements.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tempfile::TempDir;

use super::postgres::{Connector, Postgres};
use super::sqlite::Sqlite;
use super::statement::in_test;
use super::{BatchStatement, Engine, Purpose, Row, Statement, Value};
use crate::copy::TABLES;
use crate::url::Backend;
use crate::{ContactPolicy, DatabaseUrl, Result, Store};

/// The rows of both databases. Small numbers are ids in every table.
const ROWS: &str = include_str!("../../tests/fixtures/statements.sql");

/// The number of sets of parameters that a statement is run with, at most.
const TRIES: usize = 600;
/// A statement is done after this number of runs that returned or changed a row.
const HITS: usize = 12;
/// Rows of parameters for a batch statement.
const BATCH: usize = 3;

/// The values of parameters: mostly values that the rows contain.
const NUMBERS: [i64; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 100, 1000];
/// Every other run takes only the first ones. A statement with many parameters would seldom find a row that fits all of them.
const FEW: usize = 5;
const TEXTS: [&str; 6] = ["a@x", "b@x", "Alice", "ref1", "hello", "👍"];
const BYTES: [&[u8]; 4] = [b"one", b"two", b"three", b"new"];

/// A statement in the list of its file.
#[derive(Clone, Copy)]
pub(crate) enum Listed {
    Single(&'static Statement),
    Batch(&'static BatchStatement),
}

impl From<&'static Statement> for Listed {
    fn from(statement: &'static Statement) -> Self {
        Self::Single(statement)
    }
}

impl From<&'static BatchStatement> for Listed {
    fn from(batch: &'static BatchStatement) -> Self {
        Self::Batch(batch)
    }
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// Checks these statements, each with its name.
pub(crate) fn all(statements: &[(&str, Listed)]) {
    let mut engines = Engines::shared();
    let faults: Vec<_> = statements
        .iter()
        .filter_map(|(name, listed)| Some(format!("{name}: {}", engines.check(*listed).err()?)))
        .collect();
    drop(engines);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

pub(super) struct Engines {
    sqlite: Sqlite,
    postgres: Postgres,
    _directory: TempDir,
}

impl Engines {
    /// One pair of databases for all tests. The changes of each statement are rolled back.
    pub(super) fn shared() -> MutexGuard<'static, Self> {
        static SHARED: OnceLock<Mutex<Engines>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Mutex::new(Self::open()));
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("messenger.db");
        let migrate =
            |url: &DatabaseUrl| drop(Store::open(url, ContactPolicy::Request, &|_| false).unwrap());
        migrate(&DatabaseUrl::file(&path));
        let url: DatabaseUrl =
            acceptance::Cluster::shared().unwrap().database().unwrap().parse().unwrap();
        migrate(&url);
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let mut sqlite = Sqlite::open(Some(&path), Purpose::Write).unwrap();
        let mut postgres =
            Connector::new(config, tls, given).unwrap().connect(Purpose::Write).unwrap();
        sqlite.script(ROWS).unwrap();
        postgres.script(ROWS).unwrap();
        for (account, bytes) in [1, 1, 2].into_iter().zip(BYTES) {
            let session = in_test(
                "insert into session (account, token_hash, device, created_at, seen_at, expires_at) \
                 values ($1, $2, 'phone', 1, $1, 1000)",
            );
            let params = [Value::Int(account), Value::Bytes(bytes)];
            sqlite.run(session, &params).unwrap();
            postgres.run(session, &params).unwrap();
            let ticket = in_test(
                "insert into ticket (account, hash, session, expires_at) values ($1, $2, $1, 7)",
            );
            let notice = in_test(
                "insert into notice (node, body, number) values ($1, $2, (select count(*) from notice) + 1)",
            );
            let code = in_test(
                "insert into access_code (account, hash, purpose, email_hash, mailed, uses, created_at, expires_at) \
                 values ($1, $2, $1, $2, $1, $1, 3, 7)",
            );
            let failed = in_test(
                "insert into failed_login (account, address, source, number, at, origin) \
                 values ($1, $2, $1, (select count(*) from failed_login), $1, null)",
            );
            for statement in [ticket, notice, code, failed] {
                sqlite.run(statement, &params).unwrap();
                postgres.run(statement, &params).unwrap();
            }
        }
        let hosts = in_test(
            "insert into push_host (host, sent_at) values ('a@x', 1), ('b@x', 5), ('hello', 0), ('ref1', 2)",
        );
        let key = in_test("insert into push_key (id, key) values (1, $1)");
        // Of sessions 1 to 3: one for which nothing waits, one that waits, one that is being sent.
        let subscription = in_test(
            "insert into push_subscription (session, account, host, endpoint, p256dh, auth, created_at, state, next_at, not_before) \
             select id, account, case id when 1 then 'a@x' else 'b@x' end, case id when 1 then 'a@x' when 2 then 'b@x' else 'Alice' end, \
             $1, $1, id, id - 1, case id when 1 then null else id end, id from session",
        );
        for (statement, params) in [
            (hosts, &[][..]),
            (key, &[Value::Bytes(b"one")]),
            (subscription, &[Value::Bytes(b"two")]),
        ] {
            sqlite.run(statement, params).unwrap();
            postgres.run(statement, params).unwrap();
        }
        let mut engines = Self { sqlite, postgres, _directory: directory };
        let tables: BTreeSet<_> = TABLES.iter().copied().collect();
        for table in tables {
            let [one, two] = engines.contents(table);
            assert!(!one.is_empty(), "there are rows in {table}");
            assert_eq!(one, two, "the rows of {table}");
        }
        engines
    }

    /// The error says how the engines differ.
    fn check(&mut self, listed: Listed) -> std::result::Result<(), String> {
        let text = match listed {
            Listed::Single(statement) => *statement,
            Listed::Batch(batch) => batch.text,
        };
        let names = match text.sqlite {
            "" => Vec::new(),
            sqlite => self.sqlite.parameter_names(sqlite).map_err(|error| error.to_string())?,
        };
        for (name, number) in names.iter().zip(1..) {
            if name[1..] != format!("{number}") {
                return Err(format!("SQLite takes {name} for parameter {number}"));
            }
        }
        if text.postgres.is_empty() {
            return Ok(());
        }
        let kinds = self.postgres.parameter_kinds(text.postgres).map_err(|it| it.to_string())?;
        if text.sqlite.is_empty() {
            return Ok(());
        }
        // The words of a text are a parameter for PostgreSQL alone.
        let has_terms = matches!(listed, Listed::Batch(_)) && kinds.len() == names.len() + 1;
        if kinds.len() != names.len() && !has_terms {
            return Err(format!(
                "{} parameters for SQLite, {} for PostgreSQL",
                names.len(),
                kinds.len()
            ));
        }
        self.compare(listed, &kinds, has_terms)
    }

    fn compare(
        &mut self,
        listed: Listed,
        kinds: &[Kind],
        has_terms: bool,
    ) -> std::result::Result<(), String> {
        let text = match listed {
            Listed::Single(statement) => statement.postgres,
            Listed::Batch(batch) => batch.text.postgres,
        };
        let is_query = !["insert", "update", "delete"].iter().any(|verb| text.starts_with(verb));
        let mut random = Random(7);
        let (mut hits, mut runs) = (0, 0);
        while hits < HITS && runs < TRIES {
            runs += 1;
            let count = if matches!(listed, Listed::Batch(_)) { 1 + runs % BATCH } else { 1 };
            let numbers = if runs % 2 == 0 { &NUMBERS[..] } else { &NUMBERS[..FEW] };
            let rows = parameters(kinds, count, &mut random, numbers, has_terms);
            let [one, two] = self.run(listed, &rows);
            let (one, two) = match (one, two) {
                (Ok(one), Ok(two)) => (one, two),
                (Err(_), Err(_)) => continue,
                (one, two) => return Err(format!("{rows:?}: SQLite {one:?}, PostgreSQL {two:?}")),
            };
            let is_any = text.contains(" limit ") && !text.contains("order by");
            let is_same = if is_any { one.counts() == two.counts() } else { one == two };
            if !is_same {
                return Err(format!("{rows:?}:\nSQLite     {one:?}\nPostgreSQL {two:?}"));
            }
            hits += usize::from(!one.answer.is_empty() || one.changed.is_some());
            if kinds.is_empty() {
                break;
            }
        }
        if hits == 0 && !(is_query && text.ends_with("limit 6")) {
            return Err("no row was returned or changed".to_owned());
        }
        Ok(())
    }

    /// What each engine does.
    fn run(&mut self, listed: Listed, rows: &[Vec<Value<'_>>]) -> [Result<Outcome>; 2] {
        let text = match listed {
            Listed::Single(statement) => statement.postgres,
            Listed::Batch(batch) => batch.text.postgres,
        };
        let tables = changed_by(text);
        let engines: [&mut dyn Engine; 2] = [&mut self.sqlite, &mut self.postgres];
        let outcomes = engines.map(|engine| {
            engine.begin().unwrap();
            let before = contents(engine, &tables);
            let done = match listed {
                Listed::Single(statement) => engine.run(statement, &rows[0]),
                Listed::Batch(batch) => engine.run_batch(batch, rows),
            };
            let outcome = done.map(|answer| {
                let after = contents(engine, &tables);
                let mut answer = sorted(answer);
                if text.ends_with("for update") {
                    answer.dedup(); // A row is locked once, whichever rows of a batch ask for it.
                }
                Outcome { answer, changed: (after != before).then_some(after) }
            });
            engine.rollback().unwrap();
            outcome
        });
        for table in tables.iter().filter(|_| text.starts_with("insert")) {
            // Ids that PostgreSQL has given out are not taken back with the transaction.
            self.postgres.reset_ids(table);
        }
        outcomes
    }

    fn contents(&mut self, table: &'static str) -> [Vec<String>; 2] {
        [contents(&mut self.sqlite, &[table]), contents(&mut self.postgres, &[table])]
    }

    /// The rows that a batch statement returns on each engine, sorted. For tests of one statement.
    pub(super) fn answers(
        &mut self,
        batch: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
    ) -> [Vec<String>; 2] {
        self.run(Listed::Batch(batch), rows).map(|outcome| outcome.unwrap().answer)
    }
}

/// The rows that a statement has returned, and the content of the tables that it may have changed.
#[derive(Debug, PartialEq)]
struct Outcome {
    answer: Vec<String>,
    changed: Option<Vec<String>>,
}

impl Outcome {
    /// The numbers of rows, for a statement that may return any of several rows.
    fn counts(&self) -> (usize, Option<usize>) {
        (self.answer.len(), self.changed.as_ref().map(Vec::len))
    }
}

fn sorted(rows: Vec<Row>) -> Vec<String> {
    let mut rows: Vec<_> = rows.into_iter().map(|row| format!("{:?}", row.0)).collect();
    rows.sort();
    rows
}

/// The tables that a statement may change, and what their triggers change.
fn changed_by(text: &str) -> Vec<&'static str> {
    let mut words = text.split(|it: char| !it.is_alphanumeric() && it != '_');
    let table = match words.next() {
        Some("update") => words.next(),
        Some("insert" | "delete") => words.nth(1),
        _ => None,
    };
    let all = TABLES.iter().chain(&[
        "session",
        "ticket",
        "access_code",
        "failed_login",
        "revocation",
        "node",
        "notice",
        "online",
        "online_session",
        "push_key",
        "push_host",
        "push_subscription",
        "clock",
        "erasure",
        "schema_version",
    ]);
    let own = all.copied().filter(|it| Some(*it) == table);
    let by_trigger = ["entry", "reference"].into_iter().filter(|_| table == Some("message"));
    own.chain(by_trigger).collect()
}

fn contents(engine: &mut dyn Engine, tables: &[&'static str]) -> Vec<String> {
    let read = |table: &&'static str| {
        let columns = match *table {
            "message" => {
                "id, conversation, sender, recipient, content, at, ref, seq, kind, subject, reply_to, edited_at, deleted, files, names"
            }
            _ => "*",
        };
        let rows = engine.run(in_test(&format!("select {columns} from {table}")), &[]).unwrap();
        sorted(rows)
    };
    tables.iter().flat_map(read).collect()
}

/// Rows of parameters that differ from each other in each column, as those of a batch do in its keys.
fn parameters(
    kinds: &[Kind],
    count: usize,
    random: &mut Random,
    numbers: &[i64],
    has_terms: bool,
) -> Vec<Vec<Value<'static>>> {
    let first: Vec<_> = kinds.iter().map(|_| random.next()).collect();
    let row = |number: usize| {
        let value = |(at, kind): (usize, &Kind)| match kind {
            Kind::Int => Value::Int(numbers[(first[at] + number) % numbers.len()]),
            Kind::Text if has_terms && at + 1 == kinds.len() => Value::Terms("hello"),
            Kind::Text => Value::Text(TEXTS[(first[at] + number) % TEXTS.len()]),
            Kind::Bytes => Value::Bytes(BYTES[(first[at] + number) % BYTES.len()]),
        };
        kinds.iter().enumerate().map(value).collect()
    };
    (0..count).map(row).collect()
}

/// A generator of pseudo-random numbers, the same in each run (Lehmer's generator).
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        (self.0 >> 8) as usize
    }
}

mod tests;
