//! The interface that the store uses on both database engines. How SQL statements are written: [`statement`].

#[cfg(test)]
pub(crate) mod compare;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod statement;
mod tls;

use std::time::{Duration, Instant};

use crate::limit::READ_TIMEOUT;
use crate::search::SearchQuery;
use crate::{Error, Result};
pub(crate) use statement::{BatchStatement, Known, Statement, for_each_row, locking, statements};

/// A parameter of a statement. The schema has only whole numbers, texts and bytes; times are milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// The terms of this text for the search index, on an engine that does not compute them itself. It is the last
    /// parameter.
    Terms(&'a str),
    Bytes(&'a [u8]),
    Null,
}

impl<'a> Value<'a> {
    pub(crate) fn maybe_text(text: Option<&'a str>) -> Self {
        text.map_or(Value::Null, Value::Text)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Value::Int(i64::from(flag))
    }
}

/// One value of a returned row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Null.
    Null,
}

impl Cell {
    /// This value as a parameter.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Null => Value::Null,
        }
    }
}

/// One returned row. Columns are read by their position, from 0.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        self.maybe_int(column)?.ok_or_else(|| unexpected(column))
    }

    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>> {
        match self.0.get(column) {
            Some(Cell::Int(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }

    pub(crate) fn text(&mut self, column: usize) -> Result<String> {
        self.maybe_text(column)?.ok_or_else(|| unexpected(column))
    }

    /// Takes the bytes out of the row.
    pub(crate) fn bytes(&mut self, column: usize) -> Result<Vec<u8>> {
        match self.0.get_mut(column) {
            Some(Cell::Bytes(bytes)) => Ok(std::mem::take(bytes)),
            _ => Err(unexpected(column)),
        }
    }

    /// Takes the text out of the row.
    pub(crate) fn maybe_text(&mut self, column: usize) -> Result<Option<String>> {
        match self.0.get_mut(column) {
            Some(Cell::Text(text)) => Ok(Some(std::mem::take(text))),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }
}

fn unexpected(column: usize) -> Error {
    Error::Internal(format!("column {column} is missing or of another type"))
}

/// The rows of parameters of a [`BatchStatement`].
pub(crate) type Rows<'v> = Vec<Vec<Value<'v>>>;

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Writing, and reading in the same transaction.
    Write,
    /// Reading for requests: no statement takes longer than [`READ_TIMEOUT`].
    Read,
    /// Searching.
    Search,
    /// Reading for the server itself, which may take long.
    Upkeep,
}

impl Purpose {
    /// The longest time of a statement; `None`: the engine's own bound.
    pub(crate) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Read => Some(READ_TIMEOUT),
            Self::Write | Self::Search | Self::Upkeep => None,
        }
    }
}

/// The conversation and the message that [`Engine::index_some`] has indexed last.
pub(crate) type IndexCursor = (i64, i64);

/// Why a program cannot start.
#[derive(Debug, PartialEq)]
pub(crate) enum StartError {
    /// Trying again would not help. The text says what the operator has to do.
    Permanent(String),
    /// Trying again may help.
    Transient(String),
}

/// One connection to a database.
pub(crate) trait Engine: Send {
    /// Runs one statement.
    fn run(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>>;

    /// Runs a statement for each of `rows`. The returned rows are in no particular order.
    fn run_batch(
        &mut self,
        batch: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>>;

    /// Runs several statements in this order, each for all of its rows. Statements without rows are left out. PostgreSQL gets all of
    /// them in one round trip.
    fn run_batches(
        &mut self,
        batches: &[(&'static BatchStatement, Rows<'_>)],
    ) -> Result<Vec<Vec<Row>>> {
        batches.iter().map(|(batch, rows)| self.run_batch(batch, rows)).collect()
    }

    /// The ids of the newest messages that match `query`, in no particular order. Only the account's own conversations are read.
    fn search(&mut self, query: &SearchQuery) -> Result<Vec<i64>>;

    /// Adds some messages to the search index that are missing from it, in a transaction of its own. After an upgrade that
    /// rebuilds the index, all messages are missing. Continues after `cursor`, the answer of the previous step; `None`: nothing
    /// is missing.
    fn index_some(&mut self, cursor: IndexCursor) -> Result<Option<IndexCursor>>;

    /// Moves rows from the tables of recent rows to the large tables, if there are too many (SQLite only). Is called at the end of
    /// each transaction that commits messages.
    fn move_recent(&mut self) -> Result<()>;

    /// The time of the database's own clock, in milliseconds; `None` if it uses this machine's.
    fn time(&mut self) -> Result<Option<i64>>;

    /// Runs a script of several statements without parameters.
    fn script(&mut self, sql: &str) -> Result<()>;

    /// Runs a script of [`Engine::migrations`] or of [`Engine::repair`].
    fn migrate(&mut self, script: &str) -> Result<()>;

    /// Begins a transaction that will write.
    fn begin(&mut self) -> Result<()>;

    /// Commits the transaction. After an error nothing is stored, except after [`Error::InDoubt`].
    fn commit(&mut self) -> Result<()>;

    /// Rolls the transaction back.
    fn rollback(&mut self) -> Result<()>;

    /// Locks the schema against other processes until the transaction ends, and makes the table of versions if it is missing.
    fn lock_schema(&mut self) -> Result<()>;

    /// The migrations: scripts with their version numbers.
    fn migrations(&self) -> &'static [(i64, &'static str)];

    /// A script that repairs databases made by early forms of the migrations, and the first version that needs it.
    fn repair(&self) -> (i64, &'static str);

    /// Ends every wait of this connection at `until`, as far as the engine can; `None`: each wait has only its own bound.
    fn set_deadline(&mut self, until: Option<Instant>);

    /// Whether the connection still works after it has been idle.
    fn is_alive(&mut self) -> bool;

    /// Copies the write-ahead log into the database's file, and empties it (SQLite only).
    fn checkpoint(&mut self) -> Result<()>;

    /// Overwrites the remains of deleted rows of these accounts and their sessions in the database's files. Returns the accounts for
    /// which this is done: none if it was tried less than `interval` ago. The error says what prevents it.
    fn scrub(&mut self, accounts: &[i64], interval: Duration) -> Result<Vec<i64>>;

    /// The reason why [`Engine::scrub`] can never succeed here, if there is one.
    fn cannot_scrub(&mut self) -> Result<Option<String>>;
}

/// Runs several statements as [`Engine::run_batches`] does. The rows of each statement are at its position in the array.
pub(crate) fn run_batches<const COUNT: usize>(
    engine: &mut dyn Engine,
    batches: &[(&'static BatchStatement, Rows<'_>); COUNT],
) -> Result<[Vec<Row>; COUNT]> {
    let mut answers = engine.run_batches(batches)?.into_iter();
    Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
}

/// The first of the returned rows. An error if there is none, for statements that always return one.
pub(crate) fn first(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or_else(|| Error::Internal("an insert returned no row".to_owned()))
}
