//! SQLite (<https://sqlite.org>), bundled: one file, no server.

mod deadline;
mod private;
mod recent;
mod schema;
mod search;
pub(crate) mod staged;
pub(crate) mod start;
mod transfer;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};

use super::{
    BatchStatement, Cell, Engine, IndexCursor, Known, Purpose, Row, Statement, Value, statements,
};
use crate::search::SearchQuery;
use crate::{Error, Result};
use deadline::Deadline;
use recent::Recent;
use schema::MIGRATIONS;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between tries where SQLite has no waiting of its own.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Prepared statements that a connection keeps. The whole crate has fewer.
const STATEMENTS_MAX: usize = 256;
/// The page cache of a writing connection, in KiB. A commit of messages of a thousand accounts fits, so no page is
/// written twice.
const WRITER_CACHE_KIB: usize = 16_000;
/// The size, in bytes, to which the write-ahead log is truncated after a checkpoint.
const WAL_BYTES_KEPT: usize = 16 * 1024 * 1024;
/// How long emptying the write-ahead log waits for readers. Meanwhile no other connection can write. It is retried.
const SCRUB_TIMEOUT: Duration = Duration::from_millis(100);
/// How long emptying the write-ahead log waits for readers at the end of a process.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(1);

const STILL_READ: &str = "somebody is still reading an older state of the database, from its write-ahead log: a copy, an export, or a \
     program that has the file open (fuser names it)";

const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Puts `./` before a path that begins with `file:`, which SQLite would otherwise decode as a URI.
fn no_uri(path: &Path) -> std::path::PathBuf {
    Path::new(".").join(path)
}

pub(crate) struct Sqlite {
    connection: Connection,
    recent: Recent,
    deadline: Deadline,
}

impl Sqlite {
    /// Opens or creates the file. A commit is on the disk when it returns (`synchronous=FULL`).
    pub(crate) fn open(path: Option<&Path>, usage: Purpose) -> Result<Self> {
        let flags = FLAGS | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = match path {
            Some(path) => {
                let path = no_uri(path);
                private::make(&path);
                Connection::open_with_flags(path, flags)
            }
            None => Connection::open_in_memory_with_flags(flags),
        }?;
        Self::of(connection, usage)
    }

    /// Opens an existing file. Nothing is created except the files that SQLite needs beside it while it is open.
    pub(crate) fn open_existing(path: &Path, usage: Purpose) -> Result<Self> {
        Self::of(Connection::open_with_flags(no_uri(path), FLAGS)?, usage)
    }

    fn of(mut connection: Connection, usage: Purpose) -> Result<Self> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Otherwise SQLite parses and plans a statement whose limit is a parameter again on every run.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        enter_wal(&connection)?;
        connection.execute_batch(&format!(
            "pragma synchronous = full;
             pragma foreign_keys = on;
             pragma secure_delete = on;
             pragma trusted_schema = off;
             pragma journal_size_limit = {WAL_BYTES_KEPT};"
        ))?;
        search::add_function(&connection)?;
        if usage == Purpose::Write {
            connection.pragma_update(None, "cache_size", -(WRITER_CACHE_KIB as i64))?;
        }
        let deadline = Deadline::new(&mut connection, usage.timeout())?;
        Ok(Self { connection, recent: Recent::default(), deadline })
    }

    /// SQLite's query plan for a statement with one row of parameters.
    #[cfg(test)]
    pub(crate) fn plan(&self, statement: &BatchStatement) -> Vec<String> {
        let text = format!("explain query plan {}", statement.text.sqlite);
        let mut explain = self.connection.prepare(&text).unwrap();
        let step = |row: &rusqlite::Row<'_>| row.get("detail");
        explain.raw_query().mapped(step).collect::<rusqlite::Result<_>>().unwrap()
    }

    /// The names of a statement's parameters, in the order of their numbers.
    #[cfg(test)]
    pub(crate) fn parameter_names(&self, text: &str) -> Result<Vec<String>> {
        let statement = self.connection.prepare(text)?;
        let name = |number| statement.parameter_name(number).unwrap_or("").to_owned();
        Ok((1..=statement.parameter_count()).map(name).collect())
    }

    /// The number of instructions of SQLite's virtual machine that `work` takes.
    #[cfg(test)]
    pub(crate) fn steps(&mut self, work: impl FnOnce(&mut Self)) -> i64 {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicI64, Ordering};

        let steps = Arc::new(AtomicI64::new(0));
        let count = Arc::clone(&steps);
        let counting = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        self.connection.progress_handler(1, Some(counting)).unwrap();
        work(self);
        self.connection.progress_handler(0, None::<fn() -> bool>).unwrap();
        steps.load(Ordering::Relaxed)
    }
}

impl Engine for Sqlite {
    fn run(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>> {
        // Preparing a statement checks the deadline, too.
        self.deadline.restart();
        let mut prepared = self.connection.prepare_cached(statement.sqlite)?;
        let mut out = Vec::new();
        collect(&mut prepared, params, &mut out)?;
        Ok(out)
    }

    fn run_batch(
        &mut self,
        batch: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>> {
        self.deadline.restart();
        let mut prepared = self.connection.prepare_cached(batch.text.sqlite)?;
        let mut out = Vec::new();
        for row in rows {
            let params = without_terms(row);
            let Some(answer) = batch.sqlite_answer else {
                collect(&mut prepared, params, &mut out)?;
                continue;
            };
            if prepared.execute(rusqlite::params_from_iter(params))? > 0 {
                out.push(known(answer, params, self.connection.last_insert_rowid()));
            }
        }
        Ok(out)
    }

    fn search(&mut self, query: &SearchQuery) -> Result<Vec<i64>> {
        self.find(query)
    }

    fn index_some(&mut self, place: IndexCursor) -> Result<Option<IndexCursor>> {
        Ok((!self.index_some_of(recent::REINDEXED_MAX)?).then_some(place))
    }

    fn move_recent(&mut self) -> Result<()> {
        self.move_excess()
    }

    fn time(&mut self) -> Result<Option<i64>> {
        Ok(None)
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn migrate(&mut self, script: &str) -> Result<()> {
        self.script(script)
    }

    fn begin(&mut self) -> Result<()> {
        // A deferred transaction that turns to writing fails at once if another process writes.
        self.script("begin immediate")
    }

    fn commit(&mut self) -> Result<()> {
        self.script("commit")
    }

    fn rollback(&mut self) -> Result<()> {
        if self.connection.is_autocommit() { Ok(()) } else { self.script("rollback") }
    }

    fn lock_schema(&mut self) -> Result<()> {
        // `begin immediate` holds the only write lock there is.
        self.script(
            "create table if not exists schema_version (version bigint primary key, checksum text)",
        )?;
        if self.run(&HAS_CHECKSUM, &[])?.is_empty() {
            self.script("alter table schema_version add column checksum text")?; // The first versions had no checksums.
        }
        Ok(())
    }

    fn migrations(&self) -> &'static [(i64, &'static str)] {
        MIGRATIONS
    }

    fn repair(&self) -> (i64, &'static str) {
        (2, include_str!("../../migrations/sqlite/repair.sql"))
    }

    fn is_alive(&mut self) -> bool {
        true
    }

    fn set_deadline(&mut self, _: Option<Instant>) {} // SQLite waits only for locks, and at most for `BUSY_TIMEOUT`.

    /// `secure_delete` has overwritten the rows in the database's file already. So only the write-ahead log must be emptied.
    fn scrub(&mut self, accounts: &[i64], _interval: Duration) -> Result<Vec<i64>> {
        self.empty_wal(SCRUB_TIMEOUT)?;
        Ok(accounts.to_vec())
    }

    fn cannot_scrub(&mut self) -> Result<Option<String>> {
        Ok(None)
    }

    fn checkpoint(&mut self) -> Result<()> {
        self.empty_wal(CHECKPOINT_TIMEOUT)
    }
}

impl Sqlite {
    /// Copies the write-ahead log into the database and truncates it to zero bytes, once no reader needs it.
    fn empty_wal(&mut self, timeout: Duration) -> Result<()> {
        self.connection.busy_timeout(timeout)?;
        let rows = self.run(&EMPTY_WAL, &[]);
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        match rows?.first().map(|row| row.int(0)).transpose()? {
            None | Some(0) => Ok(()),
            Some(_) => Err(Error::Unavailable(STILL_READ.to_owned())),
        }
    }
}

/// The parameters without [`Value::Terms`], which is the last one. On SQLite a trigger computes the terms.
fn without_terms<'r, 'v>(row: &'r [Value<'v>]) -> &'r [Value<'v>] {
    match row {
        [params @ .., Value::Terms(_)] => params,
        params => params,
    }
}

/// The row that is returned for a row that was changed with these parameters, or inserted with number `id`.
fn known(answer: &[Known], params: &[Value<'_>], id: i64) -> Row {
    let cell = |column: &Known| match column {
        Known::NewId => Cell::Int(id),
        Known::Parameter(number) => match params[number - 1] {
            Value::Int(number) => Cell::Int(number),
            Value::Text(text) | Value::Terms(text) => Cell::Text(text.to_owned()),
            Value::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
            Value::Null => Cell::Null,
        },
    };
    Row(answer.iter().map(cell).collect())
}

fn collect(
    statement: &mut rusqlite::Statement<'_>,
    params: &[Value<'_>],
    out: &mut Vec<Row>,
) -> Result<()> {
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|column| Ok(cell(row.get_ref(column)?)));
        out.push(Row(cells.collect::<Result<_>>()?));
    }
    Ok(())
}

/// Switches to the write-ahead log. Two processes that open a new file at the same time conflict here, and SQLite's
/// busy timeout does not cover it, so this retries.
fn enter_wal(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.execute_batch("pragma journal_mode = wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(BUSY_PAUSE);
            }
            done => return Ok(done?),
        }
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => Cell::Null,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Int(number) => ValueRef::Integer(number),
            Value::Text(text) | Value::Terms(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Null => ValueRef::Null,
        }))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::TimedOut(text),
            Some(ErrorCode::ConstraintViolation) if text.contains("UNIQUE") => Self::AlreadyExists,
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen,
            ) => Self::Unavailable(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupted(text),
            _ => Self::Internal(text),
        }
    }
}

statements! {
    static HAS_CHECKSUM: Statement = Statement::only_sqlite(
        "select 1 from pragma_table_info('schema_version') where name = 'checksum'"
    );

    static EMPTY_WAL: Statement = Statement::only_sqlite("pragma wal_checkpoint(truncate)");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_keeps_more_pages_in_memory() {
        static CACHE_SIZE: Statement = Statement::only_sqlite("pragma cache_size");
        let cache = |usage| {
            let mut sqlite = Sqlite::open(None, usage).unwrap();
            sqlite.run(&CACHE_SIZE, &[]).unwrap()[0].int(0).unwrap()
        };
        assert_eq!(cache(Purpose::Write), -(WRITER_CACHE_KIB as i64));
        assert!(cache(Purpose::Read) > cache(Purpose::Write));
    }
}
