//! The refusal of a request: a code for programs and a sentence for people.

use std::borrow::Cow;
use std::time::Duration;

use crate::limit::RETRY_AFTER_SECONDS;

/// The reason why a request was refused. The list is closed: a client may handle all of its values. The crate `http`
/// adds its own for requests that it refuses: `timeout`, `too_large`, `head_too_large`, `foreign_origin`,
/// `unsupported_media_type`, `wrong_host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Not JSON, or a key is missing, of the wrong type or out of bounds.
    BadRequest,
    /// No token, or one that is wrong, revoked or expired.
    Unauthorized,
    /// Wrong email or password. The response does not say which.
    WrongCredentials,
    /// The given password is not the account's.
    WrongPassword,
    /// The path, account or session does not exist.
    NotFound,
    /// The path has other methods, which `Allow` lists.
    MethodNotAllowed,
    /// Another account has this email.
    EmailTaken,
    /// The upload has another offset than the request says. The client must request the offset, and continue from there.
    OffsetMismatch,
    /// A message has this file.
    InUse,
    /// The server does not support this version of the upload protocol.
    UnsupportedVersion,
    /// The requested range is not in the file.
    RangeNotSatisfiable,
    /// A signup needs an invitation, and the request has no valid one.
    InviteRequired,
    /// Nobody can sign up.
    SignupClosed,
    /// The operator has disabled the account.
    AccountDisabled,
    /// A code was used before or has expired; or the bytes of a file are lost.
    Gone,
    /// Too many tries. `Retry-After` says when the next one is allowed.
    RateLimited,
    /// Too many passwords wait to be checked.
    Busy,
    /// The database cannot be reached, or takes too long for the request.
    Unavailable,
    /// The account's quota of stored bytes is used up.
    OverQuota,
    /// The disk of the file store is full, except for the space that is reserved for messages.
    StorageFull,
    /// An internal error of the server.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::WrongCredentials,
        Self::WrongPassword,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::EmailTaken,
        Self::OffsetMismatch,
        Self::InUse,
        Self::UnsupportedVersion,
        Self::RangeNotSatisfiable,
        Self::InviteRequired,
        Self::SignupClosed,
        Self::AccountDisabled,
        Self::Gone,
        Self::RateLimited,
        Self::Busy,
        Self::Unavailable,
        Self::OverQuota,
        Self::StorageFull,
        Self::Internal,
    ];

    /// The word in the response.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::WrongCredentials => "wrong_credentials",
            Self::WrongPassword => "wrong_password",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::EmailTaken => "email_taken",
            Self::OffsetMismatch => "offset_mismatch",
            Self::InUse => "in_use",
            Self::UnsupportedVersion => "unsupported_version",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::InviteRequired => "invite_required",
            Self::SignupClosed => "signup_closed",
            Self::AccountDisabled => "account_disabled",
            Self::Gone => "gone",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::OverQuota => "over_quota",
            Self::StorageFull => "storage_full",
            Self::Internal => "internal",
        }
    }

    /// The code with this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::WrongCredentials => 401,
            Self::WrongPassword
            | Self::InviteRequired
            | Self::SignupClosed
            | Self::AccountDisabled => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::EmailTaken | Self::OffsetMismatch | Self::InUse => 409,
            Self::Gone => 410,
            Self::UnsupportedVersion => 412,
            Self::RangeNotSatisfiable => 416,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Busy | Self::Unavailable => 503,
            Self::OverQuota | Self::StorageFull => 507,
        }
    }
}

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    /// A sentence for people. It reveals nothing about the inside of the server.
    pub(crate) sentence: Cow<'static, str>,
    /// A further header, if the code needs one.
    pub(crate) header: Option<(&'static str, String)>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        let header = match code.status() {
            401 => Some(("WWW-Authenticate", "Bearer".to_owned())),
            503 => Some(("Retry-After", RETRY_AFTER_SECONDS.to_string())),
            _ => None,
        };
        Self { code, sentence: sentence.into(), header }
    }

    pub(crate) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadRequest, sentence)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            ErrorCode::Unauthorized,
            "log in and send the token as `Authorization: Bearer TOKEN`",
        )
    }

    /// Somebody has an account with this email.
    pub(crate) fn email_taken() -> Self {
        Self::new(ErrorCode::EmailTaken, "email already registered")
    }

    pub(crate) fn wrong_password() -> Self {
        Self::new(
            ErrorCode::WrongPassword,
            "this is not the account's password; nothing has changed",
        )
    }

    pub(crate) fn not_found(sentence: &'static str) -> Self {
        Self::new(ErrorCode::NotFound, sentence)
    }

    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let refusal =
            Self::new(ErrorCode::MethodNotAllowed, format!("this page knows only {allow}"));
        Self { header: Some(("Allow", allow)), ..refusal }
    }

    /// Too many tries. The next one is allowed after `wait`.
    pub(crate) fn rate_limited(sentence: &'static str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let header = Some(("Retry-After", seconds.max(1).to_string()));
        Self { header, ..Self::new(ErrorCode::RateLimited, sentence) }
    }

    pub(crate) fn unavailable(sentence: &'static str) -> Self {
        Self::new(ErrorCode::Unavailable, sentence)
    }

    pub(crate) fn offset_mismatch() -> Self {
        Self::new(
            ErrorCode::OffsetMismatch,
            "the upload is at another offset; ask for it with HEAD, and go on from there",
        )
    }

    pub(crate) fn in_use() -> Self {
        Self::new(
            ErrorCode::InUse,
            "a message has this file, or it is your picture; delete the message or take the picture away, and the file goes",
        )
    }

    /// The request names another version of the upload protocol than the supported `version`.
    pub(crate) fn unsupported_version(version: &'static str) -> Self {
        let sentence = format!("uploads speak tus {version}: send Tus-Resumable: {version}");
        let header = Some(("Tus-Version", version.to_owned()));
        Self { header, ..Self::new(ErrorCode::UnsupportedVersion, sentence) }
    }

    pub(crate) fn out_of_range() -> Self {
        Self::new(ErrorCode::RangeNotSatisfiable, "the file has no such bytes")
    }

    pub(crate) fn over_quota() -> Self {
        Self::new(
            ErrorCode::OverQuota,
            "you have as many bytes stored as an account may: delete messages, have conversations keep them for fewer \
             days, or ask the operator for more",
        )
    }

    pub(crate) fn gone(sentence: &'static str) -> Self {
        Self::new(ErrorCode::Gone, sentence)
    }

    pub(crate) fn storage_full() -> Self {
        Self::new(
            ErrorCode::StorageFull,
            "the server's disk is full; its operator has to make room",
        )
    }

    pub(crate) fn busy(sentence: &'static str) -> Self {
        Self::new(ErrorCode::Busy, sentence)
    }

    /// An internal error of the server. `cause` is logged, and is not in the response.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(ErrorCode::Internal, "an internal error, which the server has logged")
    }
}

impl From<sql::Error> for ApiError {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::TimedOut(_) => {
                tracing::warn!(%error, "a request took too long");
                Self::new(ErrorCode::Unavailable, "this took too long; ask for less")
            }
            sql::Error::Unavailable(_) | sql::Error::InDoubt(_) | sql::Error::Contention(_) => {
                tracing::warn!(%error, "no database");
                Self::new(
                    ErrorCode::Unavailable,
                    "the database cannot be reached just now; try again",
                )
            }
            sql::Error::AlreadyExists
            | sql::Error::Open(_)
            | sql::Error::Internal(_)
            | sql::Error::Corrupted(_) => Self::internal(&error),
        }
    }
}

impl From<ApiError> for http::Response {
    fn from(error: ApiError) -> Self {
        let response = Self::error(error.code.status(), error.code.word(), &error.sentence);
        match error.header {
            Some((name, value)) => response.with_header(name, value),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_not_taken_for_an_absent_database() {
        let sentence = |error| ApiError::from(error).sentence;
        let text = String::new;
        assert_eq!(sentence(sql::Error::TimedOut(text())), "this took too long; ask for less");
        assert!(sentence(sql::Error::Unavailable(text())).contains("cannot be reached"));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_that_are_enough() {
        for (wait, told) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (2999, "3"), (3000, "3")]
        {
            let refusal = ApiError::rate_limited("wait", Duration::from_millis(wait));
            assert_eq!(refusal.header, Some(("Retry-After", told.to_owned())), "{wait} ms");
        }
    }
}
