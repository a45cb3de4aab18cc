//! The settings of the database: flags with their environment variables, and the default.

use std::cell::Cell;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use crate::{ContactPolicy, DatabaseUrl, Day, OpenError, Store, UrlError};

/// The first pause between two tries to open the database, and so between two lines of the log. Each further pause is twice as
/// long.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Bytes that one account may have stored by default: 2 GiB.
const ACCOUNT_QUOTA: i64 = 2 * 1024 * 1024 * 1024;

/// The end of `--help` in programs with [`DefaultDatabase::DataDirectory`].
pub const DEFAULT_HELP: &str = "Without --database or --database-file the database is the SQLite file \
    $XDG_DATA_HOME/messenger/messenger.db, by default ~/.local/share/messenger/messenger.db";

/// The flags of every program with a database, for `#[command(flatten)]`. Not `Debug`: the URL may contain a password.
#[derive(Clone, clap::Args)]
pub struct DatabaseArgs {
    /// URL of the database: `sqlite:PATH`, `sqlite::memory:` or `postgres://…`
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub database: Option<String>,

    /// A file that contains the URL of the database, so that its password is not in the environment
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "PATH", global = true)]
    pub database_file: Option<PathBuf>,

    /// URL of a streaming replica of the PostgreSQL database, which answers histories, searches and exports
    #[arg(long, env = "DATABASE_REPLICA", value_name = "URL", hide_env_values = true)]
    pub database_replica: Option<String>,

    /// A file that contains the URL of the replica
    #[arg(long, env = "DATABASE_REPLICA_FILE", value_name = "PATH")]
    pub database_replica_file: Option<PathBuf>,

    /// Bytes of stored text that one account may have sent; 0: no limit
    #[arg(long, env = "ACCOUNT_QUOTA", value_name = "BYTES", default_value_t = ACCOUNT_QUOTA, value_parser = clap::value_parser!(i64).range(0..))]
    pub account_quota: i64,

    /// Today's date, as YYYY-MM-DD in UTC: confirms that the machine's clock is right; needed only if the log asks for it
    #[arg(long, env = "CLOCK_CONFIRMED", value_name = "DATE", value_parser = confirmed_day)]
    pub clock_confirmed: Option<ConfirmedDay>,

    /// What an account may send to a stranger: a message request, or anything
    #[arg(long, env = "CHAT_CONTACT", value_name = "RULE", value_enum, default_value_t)]
    pub contact: ContactPolicy,
}

/// The value of `--clock-confirmed`. An empty value counts as unset, because compose files and units pass unset variables so.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmedDay(Option<Day>);

fn confirmed_day(text: &str) -> Result<ConfirmedDay, String> {
    let day = (!text.is_empty()).then(|| text.parse()).transpose()?;
    Ok(ConfirmedDay(day))
}

/// The database of a program that has no database setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultDatabase {
    /// A file in the user's data directory.
    DataDirectory,
    /// No database.
    None,
}

/// A setting whose value is a URL. It is given on the command line, in the environment, or in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlSetting {
    what: &'static str,
    flag: &'static str,
    variable: &'static str,
}

const DATABASE: UrlSetting =
    UrlSetting { what: "the database", flag: "--database", variable: "DATABASE_URL" };
const REPLICA: UrlSetting =
    UrlSetting { what: "the replica", flag: "--database-replica", variable: "DATABASE_REPLICA" };

/// An error in the settings. Its text says what to do, and contains no password.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// Both the setting and that of its file are set.
    #[error(
        "give {what} either as {flag} ({variable}) or as {flag}-file ({variable}_FILE), not as both",
        what = .0.what, flag = .0.flag, variable = .0.variable
    )]
    Both(UrlSetting),
    /// The file cannot be read.
    #[error("cannot read {}'s URL from {path}: {error}", .setting.what)]
    File {
        /// The setting.
        setting: UrlSetting,
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The URL is malformed.
    #[error("{} ({}): {error}", .setting.flag, .setting.variable)]
    Url {
        /// The setting.
        setting: UrlSetting,
        /// What is wrong.
        error: UrlError,
    },
    /// The URL in the file is malformed.
    #[error("{}'s URL in {path}: {error}", .setting.what)]
    UrlInFile {
        /// The setting.
        setting: UrlSetting,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: UrlError,
    },
    /// A replica of SQLite, or of no database.
    #[error(
        "--database-replica (DATABASE_REPLICA) is a streaming replica of a PostgreSQL database: give both as postgres://USER@HOST/NAME, or leave the replica out"
    )]
    Replica,
    /// There is no home directory for the default database.
    #[error(
        "there is no home directory to keep a database in: name one with --database sqlite:PATH"
    )]
    NoHome,
}

/// The reason why the database is not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseError {
    /// The directory of the default database cannot be created.
    #[error(
        "cannot make the directory {path} for the database ({error}): name another with --database sqlite:PATH"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file with the replica's URL was changed after the start, and its content is invalid.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

impl DatabaseArgs {
    /// The database of these settings. `None` only if the default is no database.
    ///
    /// # Errors
    /// [`UsageError`].
    pub fn resolve(&self, default: DefaultDatabase) -> Result<Option<DatabaseUrl>, UsageError> {
        let given = DATABASE.url(self.database.as_deref(), self.database_file.as_deref())?;
        let url = match (given, default) {
            (Some(url), _) => Some(url),
            (None, DefaultDatabase::None) => None,
            (None, DefaultDatabase::DataDirectory) => {
                Some(DatabaseUrl::file(default_path().ok_or(UsageError::NoHome)?))
            }
        };
        self.replica(url.as_ref())?;
        Ok(url)
    }

    /// The replica of this database, if one is set.
    fn replica(&self, database: Option<&DatabaseUrl>) -> Result<Option<DatabaseUrl>, UsageError> {
        let (url, file) = (self.database_replica.as_deref(), self.database_replica_file.as_deref());
        let replica = REPLICA.url(url, file)?;
        let is_possible = replica.as_ref().is_none_or(|replica| {
            replica.is_shared() && database.is_some_and(DatabaseUrl::is_shared)
        });
        if is_possible { Ok(replica) } else { Err(UsageError::Replica) }
    }

    /// Opens the database that [`DatabaseArgs::resolve`] has returned. While the database cannot be reached, it is tried again, with
    /// a line in the log for each try. Between two tries `stops_within` is called, which waits for the given time and returns
    /// whether to give up, as `Shutdown::wait_for` does. The directory of the default database is created, for its owner only.
    ///
    /// # Errors
    /// [`OpenDatabaseError`], if waiting would not help; [`OpenError::Stopped`], if `stops_within` returned true.
    pub fn open(
        &self,
        url: &DatabaseUrl,
        stops_within: impl Fn(Duration) -> bool,
    ) -> Result<Store, OpenDatabaseError> {
        let mut store = open(url, self.contact, stops_within)?.with_quota(self.account_quota);
        if let Some(replica) = self.replica(Some(url))? {
            store = store.with_replica(&replica)?;
        }
        if let Some(ConfirmedDay(Some(day))) = self.clock_confirmed
            && let Err(error) = store.confirm_clock(day)
        {
            tracing::warn!(%error, "the confirmation of the clock is not stored; start the program once more");
        }
        Ok(store)
    }
}

/// Creates the directory of the default database, for its owner only. The directory of another database is not created:
/// if it is missing, its name is more likely a mistake.
///
/// # Errors
/// [`OpenDatabaseError::Directory`].
pub fn make_default_directory(url: &DatabaseUrl) -> Result<(), OpenDatabaseError> {
    if let Some(path) = url.path().filter(|path| default_path().as_deref() == Some(*path))
        && let Some(directory) = path.parent()
    {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| OpenDatabaseError::Directory { path: directory.to_owned(), error })?;
    }
    Ok(())
}

fn open(
    url: &DatabaseUrl,
    contact: ContactPolicy,
    stops_within: impl Fn(Duration) -> bool,
) -> Result<Store, OpenDatabaseError> {
    make_default_directory(url)?;
    let pause = Cell::new(PAUSE_FIRST);
    let tries = Cell::new(0_u64);
    let patience = |reason: &str| {
        tries.set(tries.get() + 1);
        tracing::warn!(tries = tries.get(), "waiting for the database {url}: {reason}");
        let now = pause.get();
        pause.set((2 * now).min(PAUSE_MAX));
        !stops_within(now)
    };
    Ok(Store::open(url, contact, &patience)?)
}

impl UrlSetting {
    /// The URL that is given by itself or in a file. An empty variable counts as unset, because compose files and units
    /// pass unset variables so.
    fn url(
        self,
        url: Option<&str>,
        file: Option<&Path>,
    ) -> Result<Option<DatabaseUrl>, UsageError> {
        let url = url.filter(|url| !url.is_empty());
        let file = file.filter(|path| !path.as_os_str().is_empty());
        match (url, file) {
            (Some(_), Some(_)) => Err(UsageError::Both(self)),
            (Some(url), None) => {
                url.parse().map(Some).map_err(|error| UsageError::Url { setting: self, error })
            }
            (None, Some(path)) => self.url_in(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn url_in(self, path: &Path) -> Result<DatabaseUrl, UsageError> {
        let (setting, owned) = (self, path.to_owned());
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return Err(UsageError::File { setting, path: owned, error }),
        };
        let url = text.trim().parse();
        url.map_err(|error| UsageError::UrlInFile { setting, path: owned, error })
    }
}

/// The path of the default database.
fn default_path() -> Option<PathBuf> {
    Some(data_directory()?.join("messenger.db"))
}

/// The directory for data for which no setting names a place: the state directory of systemd, or else `messenger` in the user's data
/// directory. `None` without a home directory.
pub fn data_directory() -> Option<PathBuf> {
    data_directory_from(|name| env::var_os(name).map(PathBuf::from))
}

/// The state directory (`STATE_DIRECTORY`), which systemd sets for a service only. If it is set, this process is that service.
pub fn state_directory() -> Option<PathBuf> {
    env::var_os("STATE_DIRECTORY").map(PathBuf::from).filter(|path| path.is_absolute())
}

fn data_directory_from(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The XDG Base Directory Specification says that relative paths are ignored.
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    // systemd makes this directory for the service alone.
    if let Some(state) = absolute("STATE_DIRECTORY") {
        return Some(state);
    }
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Some(data?.join("messenger"))
}

#[cfg(test)]
#[path = "args/tests.rs"]
mod tests;
