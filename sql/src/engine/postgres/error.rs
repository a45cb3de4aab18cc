//! Maps errors of PostgreSQL to errors of the store.

use std::error::Error as _;

use postgres::error::SqlState;

use crate::Error;

/// The text of an error, with its cause.
pub(super) fn text(error: &postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        let text = text(&error);
        let Some(state) = error.code() else { return Self::Unavailable(text) };
        match *state {
            SqlState::UNIQUE_VIOLATION => Self::AlreadyExists,
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Contention(text)
            }
            SqlState::QUERY_CANCELED => Self::TimedOut(text),
            SqlState::LOCK_NOT_AVAILABLE | SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Unavailable(text)
            }
            // 08 connection, 53 resources, 57P operator (shutdown, starting up), 58 system.
            _ if ["08", "53", "57P", "58"].iter().any(|class| state.code().starts_with(class)) => {
                Self::Unavailable(text)
            }
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Corrupted(text),
            _ => Self::Internal(text),
        }
    }
}
