//! What can go wrong, named after what the caller can do about it.

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a verb did not do its work. Nothing of it is stored, except where said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something unique is there already.
    #[error("it exists already")]
    AlreadyExists,
    /// The database cannot be reached, or is too busy. Try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement took longer than it may. It would take as long again; others were not to wait for it.
    #[error("the database took too long: {0}")]
    TimedOut(String),
    /// The connection was lost during the commit: the work may be stored or not.
    #[error("the database did not confirm the commit: {0}")]
    InDoubt(String),
    /// Two transactions were in each other's way; the store tries again by itself.
    #[error("transactions were in each other's way: {0}")]
    Contention(String),
    /// What was to be read is not as the database has written it; the operator has to put a backup in its place.
    #[error("the database is damaged: {0}")]
    Corrupted(String),
    /// The database is not one that this program can use as it was asked to.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// A fault in this program; trying again is of no use.
    #[error("the database refused: {0}")]
    Internal(String),
}

impl Error {
    /// As a reason why a database could not be opened: what already is one, else one that `refused` makes of the text.
    pub(crate) fn into_open(self, refused: impl FnOnce(String) -> OpenError) -> OpenError {
        match self {
            Self::Open(error) => *error,
            other => refused(other.to_string()),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

/// Why a database could not be opened. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database was made by a newer program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: use a newer program, or a backup from before the upgrade"
    )]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A script of the schema is not the one that made the database.
    #[error(
        "the database's schema version {version} was made by another script than this program has: use the program that made it, or a backup of another database"
    )]
    OtherSchema {
        /// The first version that is not the same.
        version: i64,
    },
    /// A backup was to be restored into a database that is in use.
    #[error("{0}")]
    NotEmpty(String),
    /// The certificates to check the server against cannot be read.
    #[error("cannot read the certificates to check PostgreSQL's against: {0}")]
    Certificates(String),
    /// The database refused, and waiting would not help.
    #[error("cannot open the database {place}: {error}")]
    Refused {
        /// The database, without its password.
        place: String,
        /// What is wrong, and what to do.
        error: String,
    },
    /// It was told to stop while waiting for the database.
    #[error("stopped while waiting for the database")]
    Stopped,
}
