//! Facts about a database for `doctor`: whether it can be used, and its settings.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::clock::wall_time;
use crate::copy::{Transfer, format_of};
use crate::engine::postgres::Connector;
use crate::engine::sqlite::{Sqlite, start};
use crate::engine::{Engine as _, Purpose, StartError, Statement, statements};
use crate::limit::POSTGRES_CONNECTIONS;
use crate::node::BUS_ID;
use crate::snapshot::raw_copy;
use crate::url::Backend;
use crate::{DatabaseUrl, Error, OpenError, Result, migrate};

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to do.
    Fine,
    /// It works, but the operator should do something.
    Warning,
    /// It does not work, or will soon stop working.
    Problem,
}

/// A finding about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The severity.
    pub level: Severity,
    /// The subject, in a word or two.
    pub about: &'static str,
    /// The finding, with advice.
    pub text: String,
}

impl Diagnostic {
    /// A diagnostic.
    pub fn new(level: Severity, about: &'static str, text: impl Into<String>) -> Self {
        Self { level, about, text: text.into() }
    }
}

/// The findings about a database.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The diagnostics, in the order of the checks.
    pub diagnostics: Vec<Diagnostic>,
    /// By how many milliseconds the database's own clock, if it has one, is ahead of the machine's.
    pub clock: Option<i64>,
    /// By how many milliseconds the newest message is ahead of the machine's clock.
    pub newest: Option<i64>,
    /// The name under which the nodes of this database find each other on a message bus, if it has one.
    pub cluster: Option<String>,
    /// The time recorded in the database, if there is one.
    pub recorded: Option<RecordedTime>,
}

/// The database's record of the time, compared with the machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct RecordedTime {
    /// By how many milliseconds the machine's clock is ahead of the recorded time.
    pub ahead: i64,
    /// For how many milliseconds servers have been running while it was ahead.
    pub doubted: i64,
}

impl Inspection {
    fn note(&mut self, level: Severity, about: &'static str, text: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(level, about, text));
    }
}

/// Checks a database, without creating or changing anything.
pub fn inspect(url: &DatabaseUrl) -> Inspection {
    let mut found = Inspection::default();
    let looked = match &url.0 {
        Backend::Memory => {
            found.note(
                Severity::Warning,
                "database",
                "what is in memory ends with the server: use sqlite:PATH",
            );
            return found;
        }
        Backend::File(path) => look_at_file(path, url, &mut found),
        Backend::Postgres(config, tls, given) => match Connector::new(config, tls, given) {
            Ok(connector) => look_at_postgres(&connector, url, &mut found),
            Err(error) => Err(error.to_string()),
        },
    };
    if let Err(said) = looked {
        found.note(Severity::Problem, "database", said);
    }
    found
}

fn look_at_file(
    path: &Path,
    url: &DatabaseUrl,
    found: &mut Inspection,
) -> std::result::Result<(), String> {
    let shown = path.display();
    let file = match std::fs::metadata(path) {
        Ok(file) if file.is_file() => file,
        Ok(_) => return Err(format!("{shown} is no file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            found.note(
                Severity::Warning,
                "database",
                format!("{shown} is not there: the first start makes it"),
            );
            return Ok(());
        }
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let mode = file.mode() & 0o777;
    if mode & 0o077 == 0 {
        found.note(Severity::Fine, "file", format!("{shown} is its owner's alone ({mode:o})"));
    } else {
        let text = format!(
            "{shown} has mode {mode:o}, and it holds emails and password hashes: chmod 600 it and the files beside it"
        );
        found.note(Severity::Warning, "file", text);
    }
    let mut sqlite = Sqlite::open_existing(path, Purpose::Upkeep)
        .map_err(|error| start::reason(path, &error.to_string()))?;
    let one = |sqlite: &mut Sqlite, sql| -> Result<String> {
        sqlite.run(sql, &[])?.first_mut().map_or(Ok(String::new()), |row| row.text(0))
    };
    let journal = one(&mut sqlite, &JOURNAL_MODE).map_err(|error| error.to_string())?;
    let level = if journal == "wal" { Severity::Fine } else { Severity::Problem };
    let advice = if journal == "wal" { "" } else { ": is it on a file system of another machine?" };
    found.note(level, "journal", format!("SQLite's journal mode is {journal}{advice}"));
    look_at_schema(&mut sqlite, url, found)
}

fn look_at_schema(
    engine: &mut dyn Transfer,
    url: &DatabaseUrl,
    found: &mut Inspection,
) -> std::result::Result<(), String> {
    let said = |error: Error| error.to_string();
    if !engine.tables().map_err(said)?.iter().any(|table| table == "schema_version") {
        found.note(
            Severity::Warning,
            "schema",
            "there is no Messenger in it yet: the first start makes its tables",
        );
        return Ok(());
    }
    let known = engine.migrations().last().map_or(0, |(version, _)| *version);
    let version = migrate::version(engine).map_err(said)?;
    match version {
        newer if newer > known => {
            return Err(OpenError::NewerSchema { found: newer, known }.to_string());
        }
        older if older < known => {
            let first = if format_of(engine, older).is_some() {
                "make a backup first, with this program (messenger backup DIRECTORY)".to_owned()
            } else {
                format!("first keep {}, with all servers stopped", raw_copy(url))
            };
            let text = format!(
                "the schema has version {older} and the next start makes it {known}: {first}"
            );
            found.note(Severity::Warning, "schema", text);
        }
        _ => {
            found.note(Severity::Fine, "schema", format!("version {known}, as this program's"));
            let newest = engine.run(&LAST_MESSAGE, &[]).map_err(said)?;
            if let Some(Ok(Some(id))) = newest.first().map(|row| row.maybe_int(0)) {
                let at =
                    engine.run(&MESSAGE_TIME, &[crate::engine::Value::Int(id)]).map_err(said)?;
                found.newest =
                    at.first().and_then(|row| row.int(0).ok()).map(|at| at - wall_time());
            }
            if let Some(mut row) = engine.run(&BUS_ID, &[]).map_err(said)?.pop() {
                found.cluster = Some(row.text(0).map_err(said)?);
            }
            let record = engine.run(&READ_CLOCK, &[]).map_err(said)?;
            if let Some(row) = record.first() {
                let (seen, doubted) = (row.int(0).map_err(said)?, row.int(1).map_err(said)?);
                found.recorded =
                    (seen > 0).then(|| RecordedTime { ahead: wall_time() - seen, doubted });
            }
        }
    }
    Ok(())
}

fn look_at_postgres(
    connector: &Connector,
    url: &DatabaseUrl,
    found: &mut Inspection,
) -> std::result::Result<(), String> {
    let said = |fault: StartError| match fault {
        StartError::Permanent(said) | StartError::Transient(said) => said,
    };
    let looked = connector.look(POSTGRES_CONNECTIONS).map_err(said)?;
    found.note(Severity::Fine, "database", format!("PostgreSQL {} can be reached", looked.version));
    found.clock = looked.clock.map(|theirs| theirs - looked.at);
    for warning in looked.warnings {
        found.note(Severity::Warning, "settings of PostgreSQL", warning);
    }
    let needed = POSTGRES_CONNECTIONS as i64;
    let text = format!("{} connections are free, and each program needs {needed}", looked.free);
    if looked.free < needed {
        let text = format!("{text}: raise max_connections before you start another");
        found.note(Severity::Warning, "connections", text);
    } else {
        found.note(Severity::Fine, "connections", text);
    }
    let mut postgres = connector.open(Purpose::Upkeep).map_err(said)?;
    look_at_schema(&mut postgres, url, found)
}

statements! {
    static JOURNAL_MODE: Statement = Statement::only_sqlite("pragma journal_mode");

    static LAST_MESSAGE: Statement = Statement::both("select max(id) from message");

    static MESSAGE_TIME: Statement = Statement::both("select at from message where id = $1");

    static READ_CLOCK: Statement = Statement::both("select seen, doubted from clock");
}
