//! SQL statements: values with the text for each engine.
//!
//! No code changes the text of a statement: the database gets the text that is written here, or that `concat!` puts
//! together.
//!
//! # To add a statement
//!
//! 1. Put it into the `statements!` block of its file, with a name and a line about its purpose:
//!    ```ignore
//!    statements! {
//!        /// The accounts that an account has blocked.
//!        static FIND_BLOCKED: Statement = Statement::both("select blocked from block where account = $1");
//!    }
//!    ```
//! 2. Run it: `engine.run(&FIND_BLOCKED, &[Value::Int(account.0)])`, or `store.read(…)`.
//!
//! The block generates a test that runs each statement on both engines, with the same rows
//! (`sql/tests/fixtures/statements.sql`), and compares their answers and their changes (`compare.rs`): `cargo test -p
//! sql --lib statements`.
//!
//! # Which form
//!
//! - [`Statement::both`]: one text for both engines. Parameters are `$1`, `$2` … and first appear in that order, because SQLite
//!   numbers them in the order in which it meets them.
//! - `Statement { postgres: "…", sqlite: "…" }`: the engines differ. In SQLite's text parameters may also be `?1`, `?2` …,
//!   which may appear in any order.
//! - [`locking!`]: a `select` whose rows are locked until the transaction ends.
//! - [`Statement::only_postgres`] and [`Statement::only_sqlite`]: for a statement that only one engine needs.
//! - [`BatchStatement`]: runs for each of many rows of parameters. PostgreSQL gets all rows in one round trip, as one array per
//!   column. SQLite, which has no round trip to save, runs the prepared statement once per row.
//!   - [`for_each_row!`]: a query that means the same on both engines. It reads its parameters from a table of rows.
//!   - `BatchStatement::of(Statement { … })`: inserts, updates and deletions, and the queries that each message needs. Their texts
//!     are written for each engine. On SQLite they use parameters instead of a table of rows: it would copy each page that an
//!     `insert … select` or an `update … from` changes, since either could fail halfway through its rows. `insert or fail`
//!     spares the copies that a trigger would need. What fails halfway is rolled back with its transaction.
//!
//! # Rules
//!
//! - The first table after `from` is the one to start with, and each further one is looked up by an index.
//! - Both texts return the same rows, in the same order where one is asked for.

/// A statement that is run once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// The text for PostgreSQL; empty: the statement is never run there.
    pub(crate) postgres: &'static str,
    /// The text for SQLite; empty: the statement is never run there.
    pub(crate) sqlite: &'static str,
}

impl Statement {
    /// The same text for both engines.
    pub(crate) const fn both(text: &'static str) -> Self {
        Self { postgres: text, sqlite: text }
    }

    /// A statement of PostgreSQL alone.
    pub(crate) const fn only_postgres(text: &'static str) -> Self {
        Self { postgres: text, sqlite: "" }
    }

    /// A statement of SQLite alone.
    pub(crate) const fn only_sqlite(text: &'static str) -> Self {
        Self { postgres: "", sqlite: text }
    }
}

/// A statement that is run for each of many rows of parameters.
///
/// PostgreSQL's text takes one array for each column of those rows: `unnest($1::bigint[], $2::text[]) as r(id, name)`.
/// SQLite's takes one row: `?1`, `?2`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchStatement {
    pub(crate) text: Statement,
    /// The answer on SQLite for each changed row; `None`: the rows that the statement returns.
    pub(crate) sqlite_answer: Option<&'static [Known]>,
}

/// A column of an answer that is known without `returning`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    /// The parameter with this number, from 1.
    Parameter(usize),
    /// The id that the database has assigned to the new row.
    NewId,
}

impl BatchStatement {
    pub(crate) const fn of(text: Statement) -> Self {
        Self { text, sqlite_answer: None }
    }

    /// Sets the answer on SQLite for each changed row, in place of `returning`. For `returning` SQLite creates a table
    /// in memory for each row, which takes as long as the rest of a small statement.
    pub(crate) const fn with_sqlite_answer(self, answer: &'static [Known]) -> Self {
        Self { sqlite_answer: Some(answer), ..self }
    }
}

/// The statements of a file, as ordinary `static` items, and a test that runs all of them on both engines.
macro_rules! statements {
    ($($(#[$about:meta])* $visibility:vis static $NAME:ident: $kind:ident = $statement:expr;)+) => {
        $($(#[$about])* $visibility static $NAME: $kind = $statement;)+

        #[cfg(test)]
        mod statements {
            #[test]
            fn mean_the_same_on_both_engines() {
                $crate::engine::compare::all(&[$((stringify!($NAME), (&super::$NAME).into())),+]);
            }
        }
    };
}

/// A query with this text. PostgreSQL locks its rows until the transaction ends. SQLite has only one writer, so it
/// needs no locks.
macro_rules! locking {
    ($text:expr) => {
        $crate::engine::Statement { postgres: concat!($text, " for update"), sqlite: $text }
    };
}

/// A query that reads rows of parameters from a table, and means the same on both engines:
/// `for_each_row!(r(account bigint, email text), "select … from r join …")`. The text may be `concat!`.
macro_rules! for_each_row {
    (r($($column:ident $type:ident),+), $text:expr) => {
        $crate::engine::BatchStatement::of($crate::engine::Statement {
            postgres: concat!(
                "with r(", $crate::engine::statement::commas!($(stringify!($column)),+),
                ") as not materialized (select * from unnest(",
                $crate::engine::statement::arrays!(["$1" "$2" "$3" "$4" "$5" "$6"] $($type)+),
                ")) ", $text
            ),
            sqlite: concat!(
                "with r(", $crate::engine::statement::commas!($(stringify!($column)),+),
                ") as not materialized (values (",
                $crate::engine::statement::numbers!(["?1" "?2" "?3" "?4" "?5" "?6"] $($type)+),
                ")) ", $text
            ),
        })
    };
}

macro_rules! commas {
    ($first:expr $(, $next:expr)*) => { concat!($first $(, ", ", $next)*) };
}

macro_rules! arrays {
    ([$number:literal $($numbers:literal)*] $type:ident) => {
        concat!($number, "::", stringify!($type), "[]")
    };
    ([$number:literal $($numbers:literal)*] $type:ident $($types:ident)+) => {
        concat!($number, "::", stringify!($type), "[], ", $crate::engine::statement::arrays!([$($numbers)*] $($types)+))
    };
}

macro_rules! numbers {
    ([$number:literal $($numbers:literal)*] $type:ident) => { $number };
    ([$number:literal $($numbers:literal)*] $type:ident $($types:ident)+) => {
        concat!($number, ", ", $crate::engine::statement::numbers!([$($numbers)*] $($types)+))
    };
}

pub(crate) use {arrays, commas, for_each_row, locking, numbers, statements};

/// A statement that only a test needs.
#[cfg(test)]
pub(crate) fn in_test(text: &str) -> &'static Statement {
    Box::leak(Box::new(Statement::both(text.to_owned().leak())))
}
