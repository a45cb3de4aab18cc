//! The operator's commands of `messenger` and `auth`: `backup`, `restore`, `doctor`, `verify` and `admin`. They work on the database
//! and exit.
//!
//! Each command has a file of its own, each command of `admin` one in `admin/`, and each check of `doctor` one in `doctor/`. A command
//! runs as the owner of the database's file, or of the file store if the database is not a file. Only `restore` creates a database.
//! Results go to standard output. Errors, and the database and file store in use, go to standard error.

mod admin;
mod backup;
mod doctor;
mod limit;
mod link;
mod manifest;
mod objects;
mod orphans;
mod owner;
mod restore;
mod rows;
mod staged;
mod verify;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use files::{FileStore, FilesUrl};
use sql::DatabaseUrl;
use sql::args::{DatabaseArgs, DefaultDatabase};

pub use admin::print_first_invitation;
pub use doctor::{BusCheck, MailServer, Settings};
pub use link::link_base;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// An operator's command. Without a command the program starts its servers.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Copy the whole database into a new directory; servers may be running
    Backup(backup::Args),
    /// Write a backup into an empty database, SQLite or PostgreSQL
    Restore(restore::Args),
    /// Check settings, database, clock, disk and system limits, and print a line of advice for each
    Doctor(doctor::Args),
    /// Check the contents of the database for contradictions; changes nothing, and servers may be running
    Verify(verify::Args),
    /// Invite people; list, lock out, log out and delete accounts; reset passwords; read reports
    Admin(admin::Args),
}

impl Command {
    /// Runs the command. The exit code is 0 for success; `doctor` and `verify` exit with 1 if something is wrong.
    ///
    /// # Errors
    /// The reason why the command failed, as a sentence.
    pub fn run(&self, database: &DatabaseArgs, settings: &Settings<'_>) -> Result<ExitCode> {
        let url = database.resolve(DefaultDatabase::DataDirectory)?.context("no database")?;
        let directory = url.directory();
        let uses_files = match self {
            Self::Backup(_) | Self::Restore(_) => true,
            Self::Verify(args) => args.objects,
            Self::Doctor(_) | Self::Admin(_) => false,
        };
        let files = if uses_files { file_store(directory.as_deref(), settings)? } else { None };
        let place = match self {
            Self::Restore(_) => {
                sql::args::make_default_directory(&url)?;
                let of_files = files.as_ref().and_then(|(files, _)| files.directory());
                let place = directory.as_deref().or(of_files);
                owner::run_as_owner_of_new(place)?;
                place
            }
            _ if uses_files && url.path().is_none() => {
                let place = files.as_ref().and_then(|(files, _)| files.directory());
                owner::run_as_owner_of_new(place)?;
                place
            }
            _ => {
                owner::run_as_owner_of(url.path())?;
                url.path()
            }
        };
        use_database(&url);
        if let Some((files, _)) = &files {
            telemetry::log::print_error(&format!("files: {files}"));
        }
        let files = files.as_ref().map(|(_, store)| store);
        let done = match self {
            Self::Backup(args) => backup::run(args, &url, files),
            Self::Restore(args) => restore::run(args, &url, files),
            Self::Doctor(args) => doctor::run(args, &url, settings),
            Self::Verify(args) => verify::run(args, &url, files),
            Self::Admin(args) => admin::run(args, &url, settings),
        };
        done.map_err(|error| owner::explained(error, place))
    }
}

/// The file store of the servers, as far as it can be known. Beside a database that is no file they keep files in the data directory
/// of their user, who may be another one than whoever types a command: only where systemd names it to a service it is theirs.
fn file_store(
    database: Option<&Path>,
    settings: &Settings<'_>,
) -> Result<Option<(FilesUrl, FileStore)>> {
    Ok(settings.files.resolve(database, sql::args::state_directory().as_deref())?)
}

/// What is said where [`file_store`] knows none, and there are files.
const NO_FILE_STORE: &str = "there are files, and a database that is no file does not say where the servers keep them: name their file \
    store with --files or FILES_URL, as in --files file:/var/lib/messenger/files (the log of a server says it: \"files lie in\")";

fn use_database(url: &DatabaseUrl) {
    telemetry::log::print_error(&format!("database: {url}"));
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
