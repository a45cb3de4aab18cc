//! What the verbs need of a database, and no more.

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

/// A parameter. The schema has whole numbers, texts and bytes; times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// The words of this text, as the search index has them, where an engine does not make them itself. It is the last parameter.
    Terms(&'a str),
    Bytes(&'a [u8]),
    Null,
}

impl<'a> Value<'a> {
    pub(crate) fn maybe_text(text: Option<&'a str>) -> Self {
        text.map_or(Value::Null, Value::Text)
    }
}

/// One cell of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
}

impl Cell {
    /// The same as a parameter.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Null => Value::Null,
        }
    }
}

/// One row of an answer, read by the position of its columns.
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

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Whatever there is to do.
    Write,
    /// To read for requests: no statement takes longer than [`READ_TIMEOUT`].
    Read,
    /// To search.
    Search,
    /// To read for the server itself, which may take long.
    Upkeep,
}

impl Purpose {
    /// How long a statement may take, if there is a bound of ours.
    pub(crate) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Read => Some(READ_TIMEOUT),
            Self::Write | Self::Search | Self::Upkeep => None,
        }
    }
}

/// How far [`Engine::index_some`] has come: a conversation and a message.
pub(crate) type IndexCursor = (i64, i64);

/// Why a program cannot start.
#[derive(Debug, PartialEq)]
pub(crate) enum StartError {
    /// Waiting would not help. The sentence says what to do.
    Permanent(String),
    /// It may pass by itself.
    Transient(String),
}

/// One connection to a database.
pub(crate) trait Engine: Send {
    /// Runs one statement.
    fn run(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>>;

    /// Runs a statement for each of `rows`; the answer's rows come in no particular order.
    fn run_batch(
        &mut self,
        batch: &'static BatchStatement,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>>;

    /// Runs several statements in this order, each for each of its rows; those without rows are left out. PostgreSQL gets all of
    /// them before it answers: one round trip.
    fn run_batches(
        &mut self,
        batches: &[(&'static BatchStatement, Rows<'_>)],
    ) -> Result<Vec<Vec<Row>>> {
        batches.iter().map(|(batch, rows)| self.run_batch(batch, rows)).collect()
    }

    /// The newest messages that `query` asks for, in no particular order. Looks at nothing but the account's conversations.
    fn search(&mut self, query: &SearchQuery) -> Result<Vec<i64>>;

    /// Brings the words of some messages into the index that are not in it, as all are after an upgrade that makes it anew; in a
    /// transaction of its own. Goes on after `place`, which the step before it has returned; nothing: there are no more.
    fn index_some(&mut self, place: IndexCursor) -> Result<Option<IndexCursor>>;

    /// Moves what is kept apart since it is recent to where it stays, if it has become much. To be called at the end of a
    /// transaction that commits messages.
    fn move_recent(&mut self) -> Result<()>;

    /// What the database's own clock shows, in milliseconds; nothing if it goes by the machine's.
    fn time(&mut self) -> Result<Option<i64>>;

    /// Runs a script of several statements without parameters.
    fn script(&mut self, sql: &str) -> Result<()>;

    /// Runs a script of [`Engine::migrations`], or [`Engine::repair`]'s.
    fn migrate(&mut self, script: &str) -> Result<()>;

    /// Begins a transaction that will write.
    fn begin(&mut self) -> Result<()>;

    /// Ends it; after an error nothing is stored, except for [`Error::InDoubt`].
    fn commit(&mut self) -> Result<()>;

    /// Gives it up.
    fn rollback(&mut self) -> Result<()>;

    /// Lets nobody else migrate until the transaction ends, and makes the table of versions if there is none.
    fn lock_schema(&mut self) -> Result<()>;

    /// The schema, as numbered scripts.
    fn migrations(&self) -> &'static [(i64, &'static str)];

    /// The script for databases that early forms of those have made, and the version from which on there is something to do.
    fn repair(&self) -> (i64, &'static str);

    /// Whatever is waited for from now on is over at `until`, as far as the engine can see to it; nothing: each wait has its own
    /// bound.
    fn bound(&mut self, until: Option<Instant>);

    /// Whether the connection, after a while of rest, still answers.
    fn answers(&mut self) -> bool;

    /// Leaves nothing beside the database's own file, if it is one.
    fn checkpoint(&mut self) -> Result<()>;

    /// Makes what was deleted of these accounts and their sessions unreadable in the database's own files, and returns those for
    /// which that is done: none if it was tried less than `interval` ago. The error says what is in the way.
    fn scrub(&mut self, accounts: &[i64], interval: Duration) -> Result<Vec<i64>>;

    /// Why that will never be possible, if so.
    fn cannot_scrub(&mut self) -> Result<Option<String>>;
}

/// Runs several statements as [`Engine::run_batches`] does; the answer to each is in its place.
pub(crate) fn run_batches<const COUNT: usize>(
    engine: &mut dyn Engine,
    batches: &[(&'static BatchStatement, Rows<'_>); COUNT],
) -> Result<[Vec<Row>; COUNT]> {
    let mut answers = engine.run_batches(batches)?.into_iter();
    Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
}
