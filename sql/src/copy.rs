//! The content of a backup, independent of the engine: rows of tables, by the names of their columns.

use crate::engine::{Cell, Engine, Row};
use crate::{Error, Result};

/// The tables of a backup, each after those that it refers to. `log` comes before the tables with its numbers.
pub const TABLES: &[&str] = &[
    "account",
    "log",
    "conversation",
    "message",
    "member",
    "event",
    "withheld",
    "withheld_edit",
    "reaction",
    "withheld_reaction",
    "block",
    "block_mark",
    "invitation",
    "finding",
    "file",
    "blob",
    "piece",
    "message_file",
    "report",
];

/// Tables whose ids the database assigns. Sessions and revocations are in no backup, but their ids must not be reused
/// either.
pub(crate) const COUNTED: &[&str] =
    &["account", "conversation", "message", "session", "revocation"];

/// A format of backups: its tables and columns are those of one schema version of each engine.
#[derive(Debug, PartialEq)]
pub(crate) struct BackupFormat {
    pub(crate) number: i64,
    pub(crate) sqlite: i64,
    pub(crate) postgres: i64,
}

/// All formats, the newest last. A new migration needs a new format here; one that changes no column raises the version of
/// the newest.
pub(crate) const BACKUP_FORMATS: &[BackupFormat] = &[
    BackupFormat { number: 1, sqlite: 6, postgres: 8 },
    BackupFormat { number: 2, sqlite: 7, postgres: 9 },
    BackupFormat { number: 3, sqlite: 8, postgres: 10 },
    BackupFormat { number: 4, sqlite: 9, postgres: 11 },
    BackupFormat { number: 5, sqlite: 10, postgres: 12 },
    BackupFormat { number: 6, sqlite: 11, postgres: 13 },
    BackupFormat { number: 7, sqlite: 12, postgres: 14 },
    BackupFormat { number: 8, sqlite: 13, postgres: 15 },
    BackupFormat { number: 9, sqlite: 14, postgres: 16 },
    BackupFormat { number: 10, sqlite: 15, postgres: 17 },
    BackupFormat { number: 11, sqlite: 16, postgres: 18 },
    BackupFormat { number: 12, sqlite: 17, postgres: 19 },
    BackupFormat { number: 13, sqlite: 18, postgres: 20 },
    BackupFormat { number: 14, sqlite: 19, postgres: 21 },
    BackupFormat { number: 15, sqlite: 20, postgres: 22 },
    BackupFormat { number: 16, sqlite: 21, postgres: 24 },
    BackupFormat { number: 17, sqlite: 22, postgres: 25 },
    BackupFormat { number: 18, sqlite: 23, postgres: 26 },
    BackupFormat { number: 19, sqlite: 24, postgres: 28 },
    BackupFormat { number: 20, sqlite: 25, postgres: 29 },
    BackupFormat { number: 21, sqlite: 27, postgres: 31 },
    BackupFormat { number: 22, sqlite: 28, postgres: 32 },
];

/// The newest format that this program can write and read.
pub const BACKUP_FORMAT: i64 = BACKUP_FORMATS[BACKUP_FORMATS.len() - 1].number;

/// A column of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, the same on both engines.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Whole numbers.
    Int,
    /// Text.
    Text,
    /// Bytes. No table of a backup has such a column.
    Bytes,
}

impl Column {
    /// The columns of a table, from rows of a name and a type. `types`: the engine's names of [`ColumnType::Int`],
    /// [`ColumnType::Text`] and [`ColumnType::Bytes`].
    pub(crate) fn all(table: &str, rows: &mut [Row], types: [&str; 3]) -> Result<Vec<Self>> {
        let column = |row: &mut Row| {
            let kind = row.text(1)?;
            let kind = match types.iter().position(|name| *name == kind) {
                Some(0) => ColumnType::Int,
                Some(1) => ColumnType::Text,
                Some(_) => ColumnType::Bytes,
                None => {
                    return Err(Error::Internal(format!("{table} has a column of type {kind}")));
                }
            };
            Ok(Self { name: row.text(0)?, kind })
        };
        rows.iter_mut().map(column).collect()
    }
}

/// What backup and restore need of an engine.
pub(crate) trait Transfer: Engine {
    /// The engine's name.
    fn name(&self) -> &'static str;

    /// The version of this engine's schema with this format.
    fn version_of(&self, form: &BackupFormat) -> i64;

    /// Begins a read-only transaction that sees one snapshot of the database.
    fn begin_snapshot(&mut self) -> Result<()>;

    /// Locks the schema as [`Engine::lock_schema`] does, unless there is something in the database already: [`crate::OpenError::NotEmpty`].
    fn lock_schema_of_empty(&mut self) -> Result<()>;

    /// The names of all tables and views that there are.
    fn tables(&mut self) -> Result<Vec<String>>;

    /// The columns of a table.
    fn columns(&mut self, table: &str) -> Result<Vec<Column>>;

    /// Passes each row of a table to `take`, in no particular order, until `take` returns `false`.
    fn each_row(
        &mut self,
        table: &str,
        columns: &[Column],
        take: &mut dyn FnMut(Vec<Cell>) -> bool,
    ) -> Result<()>;

    /// Inserts rows unchanged, with their ids.
    fn insert_rows(&mut self, table: &str, columns: &[Column], rows: &[Vec<Cell>]) -> Result<()>;

    /// The last id that was assigned in one of the tables [`COUNTED`].
    fn last_id(&mut self, table: &str) -> Result<i64>;

    /// Sets the last assigned id, so that the next id is higher.
    fn set_last_id(&mut self, table: &str, last: i64) -> Result<()>;

    /// Called after all rows were inserted: creates the data that the engine derives from them.
    fn round_off(&mut self) -> Result<()>;
}

/// `"a", "b"`: the columns for a statement. The names come from the database itself or have been compared with it.
pub(crate) fn names(columns: &[Column]) -> String {
    let quoted: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    quoted.join(", ")
}

/// The format of this version of an engine's schema. A version that no format names has the columns of the next one: the
/// migration between them changed none.
pub(crate) fn format_of(engine: &dyn Transfer, version: i64) -> Option<&'static BackupFormat> {
    let oldest = engine.version_of(&BACKUP_FORMATS[0]);
    BACKUP_FORMATS.iter().find(|form| (oldest..=engine.version_of(form)).contains(&version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Purpose;
    use crate::engine::postgres::Connector;
    use crate::engine::sqlite::Sqlite;
    use crate::url::Backend;

    /// What is in no copy, and why.
    const LEFT_OUT: &[&str] = &[
        // A restore ends all sessions, and a copy that has none is of no use to log in with.
        "session",
        "revocation",
        // Of sessions, which a restore ends. A restored server makes a new key, and its clients subscribe again.
        "push_subscription",
        "push_host",
        "push_key",
        // Good for a minute, of a session that a restore ends.
        "ticket",
        // Links that were given out lead to nothing after a restore.
        "access_code",
        // Of the last moments.
        "failed_login",
        // A copy has no file in which something deleted could still stand.
        "erasure",
        "schema_version",
        // A restore writes it from the time of the backup: sql/src/restoration.rs.
        "clock",
        // Which chat servers are running says nothing about a restored database.
        "node",
        // What they have told each other lately neither.
        "notice",
        "online",
        "online_session",
        // A restored database is another one, and must not be taken for the one that was backed up.
        "bus",
        // What SQLite keeps of the same rows: sql/src/engine/sqlite/recent.rs.
        "entry",
        "reference",
        "indexed",
        "settled_event",
        "recent_event",
        "settled_entry",
        "recent_entry",
        "settled_ref",
        "recent_ref",
        "message_text",
    ];

    /// Tables that older forms lack, with the first form that has them.
    const LATER: &[(&str, i64)] =
        &[("file", 13), ("blob", 13), ("piece", 13), ("message_file", 13), ("report", 17)];

    /// With the schema of this form.
    fn migrated(mut engine: impl Transfer, form: &BackupFormat) -> impl Transfer {
        let version = engine.version_of(form);
        for (_, script) in engine.migrations().iter().filter(|(one, _)| *one <= version) {
            engine.script(script).unwrap();
        }
        engine
    }

    fn sqlite(form: &BackupFormat) -> impl Transfer {
        migrated(Sqlite::open(None, Purpose::Write).unwrap(), form)
    }

    fn postgres(form: &BackupFormat) -> impl Transfer {
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let url: crate::DatabaseUrl = url.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else { panic!("{url}") };
        migrated(Connector::new(config, tls, given).unwrap().connect(Purpose::Write).unwrap(), form)
    }

    /// Every table is in the copy or left out for a reason, and both engines have the same columns.
    #[test]
    fn a_copy_holds_all_that_must_not_be_lost() {
        for form in BACKUP_FORMATS {
            let (mut sqlite, mut postgres) = (sqlite(form), postgres(form));
            for tables in [sqlite.tables().unwrap(), postgres.tables().unwrap()] {
                for table in tables {
                    let is_known = TABLES.contains(&&*table)
                        || LEFT_OUT
                            .iter()
                            .any(|it| table == *it || table.starts_with("message_text_"));
                    assert!(is_known, "nobody has said whether a backup is to hold {table}");
                }
            }
            for table in TABLES {
                let sorted = |mut columns: Vec<Column>| {
                    columns.sort_by(|one, other| one.name.cmp(&other.name));
                    columns
                };
                let columns = sorted(sqlite.columns(table).unwrap());
                let theirs = sorted(postgres.columns(table).unwrap());
                assert_eq!(columns, theirs, "{table} in form {}", form.number);
                let is_later =
                    |(later, since): &(&str, i64)| later == table && form.number < *since;
                if LATER.iter().any(is_later) {
                    assert!(columns.is_empty(), "{table}");
                    continue;
                }
                assert!(columns.iter().all(|column| column.kind != ColumnType::Bytes), "{table}");
                assert!(!columns.is_empty(), "{table}");
            }
        }
    }

    /// A migration that has no form here would make databases of which no backup can be made.
    #[test]
    fn the_newest_schemas_have_a_form() {
        let newest = |engine: &dyn Transfer| engine.migrations().last().unwrap().0;
        let last = BACKUP_FORMATS.last().unwrap();
        let (sqlite, postgres) = (sqlite(last), postgres(last));
        assert_eq!((last.sqlite, last.postgres), (newest(&sqlite), newest(&postgres)));
        assert!(BACKUP_FORMATS.windows(2).all(|two| two[0].number + 1 == two[1].number));
    }
}
