//! What can be wrong with a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a frame was refused. The list is closed: a client may match on all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not a JSON object in a text frame, or a key is missing, of the wrong type or out of bounds.
    BadRequest,
    /// No such `type`.
    UnknownType,
    /// No valid token. The connection is closed with 4401 if one was shown and is wrong or revoked.
    Unauthorized,
    /// Not this account's to say or do.
    Forbidden,
    /// No such account, group or message, or none that this account may see.
    NotFound,
    /// It was allowed once, and no longer is.
    TooLate,
    /// There would be more of something than there may be: members of a group, groups of an account, blocked accounts.
    TooMany,
    /// The other side has not accepted this account's request, and five messages or invitations wait; or fifty requests are open.
    NotAccepted,
    /// The account keeps as many bytes as it may; nothing longer is stored for it.
    OverQuota,
    /// Guest mode: nothing is stored here, so there is nothing of the kind.
    Unsupported,
    /// Guest mode: nobody with that id is connected.
    NotConnected,
    /// Too many messages in too short a time; wait `retry_after_ms`.
    RateLimited,
    /// The server cannot store anything just now; nothing is lost if the same `ref` is sent again.
    Unavailable,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::BadRequest,
        Self::UnknownType,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::TooLate,
        Self::TooMany,
        Self::NotAccepted,
        Self::OverQuota,
        Self::Unsupported,
        Self::NotConnected,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooLate => "too_late",
            Self::TooMany => "too_many",
            Self::NotAccepted => "not_accepted",
            Self::OverQuota => "over_quota",
            Self::Unsupported => "unsupported",
            Self::NotConnected => "not_connected",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn a_code_serializes_as_its_word() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.word());
        }
    }
}
