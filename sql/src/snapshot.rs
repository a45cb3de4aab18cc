//! Reads a whole database as it is at one moment, while servers go on writing.

use crate::copy::{BACKUP_FORMATS, BackupFormat, COUNTED, Column, Transfer, format_of};
use crate::engine::postgres::Connector;
use crate::engine::sqlite::{Sqlite, start};
use crate::engine::{Cell, Purpose, StartError, Statement, statements};
use crate::url::Backend;
use crate::{DatabaseUrl, OpenError, Result, migrate};

/// The content of a database at one moment.
pub struct Snapshot {
    pub(crate) engine: Box<dyn Transfer>,
    form: &'static BackupFormat,
    /// The version of the schema.
    version: i64,
}

impl Snapshot {
    /// Opens an existing database, and begins a read transaction that sees it as it is now. Nothing is created or migrated, and a
    /// database that is away is not waited for.
    ///
    /// # Errors
    /// [`OpenError`], also if the database has no schema of Messenger, or one that this program cannot read.
    pub fn open(url: &DatabaseUrl) -> std::result::Result<Self, OpenError> {
        let refused = |error: String| OpenError::Refused { place: url.to_string(), error };
        let broken = |error: crate::Error| refused(error.to_string());
        let mut engine = connect(url)?;
        engine.begin_snapshot().map_err(broken)?;
        if !engine.tables().map_err(broken)?.iter().any(|table| table == "schema_version") {
            return Err(refused("there is no Messenger in it".to_owned()));
        }
        let found = migrate::version(&mut *engine).map_err(|error| error.into_open(refused))?;
        let Some(form) = format_of(&*engine, found) else {
            let known = engine.migrations().last().map_or(0, |(version, _)| *version);
            if found > known {
                return Err(OpenError::NewerSchema { found, known });
            }
            let oldest = engine.version_of(&BACKUP_FORMATS[0]);
            return Err(refused(format!(
                "it has schema version {found}, and this program copies and checks databases from version {oldest} on: with all servers \
                 stopped keep {}, then start the server once, which brings it up to date",
                raw_copy(url)
            )));
        };
        Ok(Self { engine, form, version: found })
    }

    /// `sqlite` or `postgresql`.
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// The version of the engine's schema.
    pub fn schema(&self) -> i64 {
        self.version
    }

    /// The newest version of the engine's schema that this program knows.
    pub(crate) fn newest_schema(&self) -> i64 {
        self.engine.migrations().last().map_or(0, |(version, _)| *version)
    }

    /// The number of the format that a backup of this database has ([`crate::BACKUP_FORMAT`] is the newest).
    pub fn form(&self) -> i64 {
        self.form.number
    }

    /// The columns of a table.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn columns(&mut self, table: &str) -> Result<Vec<Column>> {
        self.engine.columns(table)
    }

    /// Passes each row of a table to `take`, in no particular order, until `take` returns false.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Corrupted`].
    pub fn each_row(
        &mut self,
        table: &str,
        columns: &[Column],
        mut take: impl FnMut(Vec<Cell>) -> bool,
    ) -> Result<()> {
        if columns.is_empty() {
            return Ok(()); // The table does not exist in an older schema.
        }
        self.engine.each_row(table, columns, &mut take)
    }

    /// The highest number that was assigned so far: an id, or the position of an event in a log.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn highest(&mut self) -> Result<i64> {
        let mut highest =
            self.engine.run(&HIGHEST_HEAD, &[])?.first().map_or(Ok(0), |row| row.int(0))?;
        for table in COUNTED {
            highest = highest.max(self.engine.last_id(table)?);
        }
        Ok(highest)
    }

    /// Ends the snapshot. On SQLite, the snapshot has kept the write-ahead log from being copied into the database. That is done here,
    /// so that the next commit need not do it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn close(mut self) -> Result<()> {
        self.engine.rollback()?;
        if self.engine.name() == "sqlite" {
            self.engine.run(&CHECKPOINT, &[])?;
        }
        Ok(())
    }
}

/// How to copy a database whose schema is too old for a snapshot, in words for the operator.
pub(crate) fn raw_copy(url: &DatabaseUrl) -> &'static str {
    match &url.0 {
        Backend::Postgres(..) => "a pg_dump of it",
        _ => "a copy of the file and of those beside it (-wal)",
    }
}

/// Connects to an existing database.
fn connect(url: &DatabaseUrl) -> std::result::Result<Box<dyn Transfer>, OpenError> {
    let refused = |error: String| OpenError::Refused { place: url.to_string(), error };
    match &url.0 {
        Backend::Memory => Err(refused("what is in memory ends with its process".to_owned())),
        Backend::File(path) if !path.is_file() => {
            Err(refused("there is no such file, and a command makes none".to_owned()))
        }
        Backend::File(path) => match Sqlite::open_existing(path, Purpose::Upkeep) {
            Ok(sqlite) => Ok(Box::new(sqlite)),
            Err(error) => Err(refused(start::reason(path, &error.to_string()))),
        },
        Backend::Postgres(config, tls, given) => {
            match Connector::new(config, tls, given)?.open(Purpose::Upkeep) {
                Ok(postgres) => Ok(Box::new(postgres)),
                Err(StartError::Permanent(said) | StartError::Transient(said)) => {
                    Err(refused(said))
                }
            }
        }
    }
}

statements! {
    static HIGHEST_HEAD: Statement = Statement::both("select coalesce(max(head), 0) from log");

    static CHECKPOINT: Statement = Statement::only_sqlite("pragma wal_checkpoint(passive)");
}
