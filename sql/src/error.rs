//! The errors of the store. Each kind tells the caller what it can do.

/// The result of a method of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why a method failed. Nothing is stored, except where a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique value exists already.
    #[error("it exists already")]
    AlreadyExists,
    /// The database cannot be reached, or is too busy. Try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement exceeded its time limit, which keeps others from waiting for it. Trying again would take as long.
    #[error("the database took too long: {0}")]
    TimedOut(String),
    /// The connection was lost during the commit, so the work may be stored or not.
    #[error("the database did not confirm the commit: {0}")]
    InDoubt(String),
    /// Two transactions conflicted. The store tries again by itself.
    #[error("transactions were in each other's way: {0}")]
    Contention(String),
    /// The database's files are damaged. The operator has to restore a backup.
    #[error("the database is damaged: {0}")]
    Corrupted(String),
    /// This program cannot use the database.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// A fault of this program. Trying again does not help.
    #[error("the database refused: {0}")]
    Internal(String),
}

impl Error {
    /// The error as a reason why the database could not be opened; `refused` converts the text of an error that is not
    /// such a reason.
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

/// The reason why a database could not be opened. Its text says what to do.
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
    /// A migration of this program differs from the one that the database was migrated with.
    #[error(
        "the database's schema version {version} was made by another script than this program has: use the program that made it, or a backup of another database"
    )]
    OtherSchema {
        /// The first version that differs.
        version: i64,
    },
    /// A backup cannot be restored into a database that is not empty.
    #[error("{0}")]
    NotEmpty(String),
    /// The certificate authorities cannot be read.
    #[error("cannot read the certificates to check PostgreSQL's against: {0}")]
    Certificates(String),
    /// The database refused, and waiting does not help.
    #[error("cannot open the database {place}: {error}")]
    Refused {
        /// The database, without its password.
        place: String,
        /// What is wrong, and what to do.
        error: String,
    },
    /// The program was asked to stop while it waited for the database.
    #[error("stopped while waiting for the database")]
    Stopped,
}
