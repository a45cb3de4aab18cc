//! The errors of a file store, by what an operator can do about them.

use std::fmt;
use std::io::{self, ErrorKind};

/// The cause of a failed request to a store. Each cause has one remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The object does not exist.
    Lost,
    /// The disk cannot read the object.
    Damaged,
    /// The disk is full, except for the room that is reserved for others.
    Full,
    /// This program's user, or its key, lacks a right.
    Denied,
    /// The store is read-only.
    ReadOnly,
    /// A file is where a directory has to be.
    NotADirectory,
    /// The parent directory does not exist.
    NoDirectory,
    /// The bucket does not exist.
    NoBucket,
    /// Too many objects are being written. This passes by itself.
    Busy,
    /// The store has not answered in time.
    Late,
    /// Anything else: the store cannot be reached, or refuses.
    Unreachable,
}

impl Cause {
    /// A sentence for the operator, which says what to do. It is the same for every failure with this cause.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Lost => "an object of the file store is lost: put it back from a backup",
            Self::Damaged => {
                "the disk of the file store is damaged: put its objects on another, from a backup"
            }
            Self::Full => "the file store is full: make room, or name another with --files",
            Self::Denied => {
                "the file store refuses: give this program the right to read and write it"
            }
            Self::ReadOnly => "the file store may only be read: mount it for writing",
            Self::NotADirectory => "the file store is no directory: name one with --files",
            Self::NoDirectory => {
                "the directory of the file store cannot be made: make the directory that it is in, or name another with --files"
            }
            Self::NoBucket => {
                "the bucket of the file store does not exist: create it, or name another with --files"
            }
            Self::Busy => "too many objects are being written",
            Self::Late => "the file store does not answer in time",
            Self::Unreachable => "the file store cannot be used",
        }
    }

    /// Whether the error stays until an operator acts.
    pub const fn is_permanent(self) -> bool {
        match self {
            Self::Denied
            | Self::ReadOnly
            | Self::NotADirectory
            | Self::NoDirectory
            | Self::NoBucket => true,
            Self::Lost
            | Self::Damaged
            | Self::Full
            | Self::Busy
            | Self::Late
            | Self::Unreachable => false,
        }
    }

    /// Whether the whole store does not work, and not only one object or request.
    pub const fn is_of_store(self) -> bool {
        !matches!(self, Self::Lost | Self::Busy)
    }

    /// The cause of an error of this crate.
    pub fn of(error: &io::Error) -> Self {
        let failure = error.get_ref().and_then(|it| it.downcast_ref::<Failure>());
        match (failure, error.kind()) {
            (Some(failure), _) => failure.cause,
            (None, ErrorKind::NotFound) => Self::Lost,
            (None, _) => Self::Unreachable,
        }
    }
}

/// The content of an [`io::Error`] of a store.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// The action that failed, and the error of the system or the server.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn error(cause: Cause, detail: String) -> io::Error {
        let kind = match cause {
            Cause::Lost | Cause::NoDirectory => ErrorKind::NotFound,
            Cause::Full => ErrorKind::StorageFull,
            Cause::Denied => ErrorKind::PermissionDenied,
            Cause::ReadOnly => ErrorKind::ReadOnlyFilesystem,
            Cause::NotADirectory => ErrorKind::NotADirectory,
            Cause::Busy => ErrorKind::ResourceBusy,
            Cause::Late => ErrorKind::TimedOut,
            Cause::Damaged | Cause::NoBucket | Cause::Unreachable => ErrorKind::Other,
        };
        io::Error::new(kind, Self { cause, detail })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cause.text(), self.detail)
    }
}

impl std::error::Error for Failure {}
