//! What can be wrong with a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reason why a frame was refused. The list is closed: a client may handle all of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The frame is not a JSON object in a text frame, or a key is missing, of the wrong type or out of bounds.
    /// Fix the client.
    BadRequest,
    /// There is no such `type`.
    UnknownType,
    /// There is no valid token. If a wrong or revoked one was shown, the connection is closed with 4401.
    Unauthorized,
    /// This account may not do that: for example edit the message of another account, or change a group without being an admin.
    Forbidden,
    /// There is no such account, group or message, or none that this account may see.
    NotFound,
    /// This was allowed only before: 15 minutes have passed, or the message is deleted.
    TooLate,
    /// A bound would be exceeded: members of a group, groups of an account, or blocked accounts. Each is 1000.
    TooMany,
    /// Five messages or invitations wait for an account that has not accepted this one, or 50 of this account's requests are open.
    /// Wait for an answer.
    NotAccepted,
    /// The account has as many bytes stored as it may have.
    /// Delete messages, or shorten the retention of conversations.
    OverQuota,
    /// Guest mode: nothing is stored, so this request is not available.
    Unsupported,
    /// Guest mode: no connection has this id.
    NotConnected,
    /// Too many frames of this account, or long answers that its connections do not read.
    /// Wait `retry_after_ms` and send it again.
    RateLimited,
    /// The server cannot store or look up anything at the moment, or a look-up took too long.
    /// Send it again with the same `ref`.
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
    pub const fn as_str(self) -> &'static str {
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
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
