//! What the verbs need of a database, and no more.

pub(crate) mod postgres;
pub(crate) mod sqlite;
mod tls;

use std::time::{Duration, Instant};

use crate::limit::READ_TIMEOUT;
use crate::search::SearchQuery;
use crate::{Error, Result};

/// A parameter. The schema has whole numbers, texts and bytes; times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(&'a str),
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

/// The type of a column of [`ForEach`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Int,
    Text,
    /// The words of a text, as the index has them: the value is the text itself. It is the last column. An engine whose schema
    /// makes the words itself leaves it out, and what stands in `{words …}` of the statement.
    Words,
}

/// A statement that is to be carried out for each of many rows.
///
/// Its text reads the rows from `{rows}`, as a table called `r`, or inserts them as they are by `{values}`. PostgreSQL gets
/// all of them in one round trip, as arrays; SQLite, where there is no trip to save, runs the prepared statement once a row.
pub(crate) struct ForEach {
    pub(crate) sql: &'static str,
    pub(crate) columns: &'static [(&'static str, Type)],
}

/// What a [`ForEach`] is carried out for.
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
///
/// In a statement's text parameters are `$1`, `$2` … and first appear in that order (SQLite numbers them so), and `{lock}`
/// stands where rows read are to be kept from others until the transaction ends.
pub(crate) trait Engine: Send {
    /// Runs one statement.
    fn run(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>>;

    /// Runs one statement for each of `rows`; the answer's rows come in no particular order.
    fn run_for_each(
        &mut self,
        statement: &'static ForEach,
        rows: &[Vec<Value<'_>>],
    ) -> Result<Vec<Row>>;

    /// Runs several statements, each for each of its rows; there may be none. PostgreSQL gets them in one round trip and runs
    /// them as one: none sees what another changes, or what anybody changes while another waits for a lock, and no two may
    /// change the same row.
    fn run_all(&mut self, all: &[(&'static ForEach, Rows<'_>)]) -> Result<Vec<Vec<Row>>> {
        all.iter().map(|(statement, rows)| self.run_for_each(statement, rows)).collect()
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

/// Runs several statements as [`Engine::run_all`] does; the answer to each is in its place.
pub(crate) fn run_all<const COUNT: usize>(
    engine: &mut dyn Engine,
    all: &[(&'static ForEach, Rows<'_>); COUNT],
) -> Result<[Vec<Row>; COUNT]> {
    let mut answers = engine.run_all(all)?.into_iter();
    Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
}

/// The statement's text with what stands in `{words …}`, or without it.
pub(crate) fn with_words(sql: &str, are_given: bool) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("{words ") {
        text.push_str(before);
        let (words, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(if are_given { words } else { "" });
        rest = after;
    }
    text + rest
}

/// Checks that `$1`, `$2` … first appear in order: SQLite would swap them in silence.
pub(crate) fn parameters_are_in_order(sql: &str) -> bool {
    let mut seen = 0;
    sql.split('$').skip(1).all(|rest| {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..digits].parse().unwrap_or(0);
        seen = seen.max(if number == seen + 1 { number } else { seen });
        (1..=seen).contains(&number)
    })
}

#[cfg(test)]
mod tests {
    use super::{parameters_are_in_order, with_words};

    #[test]
    fn words_are_for_who_is_given_them() {
        let sql = "insert into t (a{words , b}) {values}";
        assert_eq!(with_words(sql, true), "insert into t (a, b) {values}");
        assert_eq!(with_words(sql, false), "insert into t (a) {values}");
    }

    #[test]
    fn parameters_out_of_order_are_seen() {
        assert!(parameters_are_in_order("select $1, $2, $1, $3"));
        assert!(parameters_are_in_order("select 1"));
        assert!(!parameters_are_in_order("select $2, $1"));
        assert!(!parameters_are_in_order("select $1, $3"));
    }
}
