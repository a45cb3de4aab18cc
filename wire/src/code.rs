//! Error codes: the reasons why a request is refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reason why a frame was refused. The list is closed: a client may handle all of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The frame is not a JSON object in a text frame, or a key is missing, of the wrong type or out of bounds.
    /// Fix the client.
    BadRequest,
    /// The server knows no frame of this `type`. Fix the client, or do without it on this server.
    UnknownType,
    /// The connection is not authenticated: the frame came before a `hello`, or its token is wrong, expired or revoked.
    /// After a token that is not valid the connection is closed with 4401. Log in again.
    Unauthorized,
    /// This account is not allowed to do this: for example to edit a message of another account, or to change a group
    /// without being its admin. Sending it again does not help.
    Forbidden,
    /// The account, group or message that the request names does not exist, or this account may not see it.
    /// Both cases are answered alike.
    NotFound,
    /// The message can no longer be changed: it was sent more than 15 minutes ago (edit, delete), or it is deleted
    /// (edit, react).
    TooLate,
    /// A bound would be exceeded: 1000 members of a group, 1000 groups of an account, 1000 blocked accounts, or 100 groups
    /// to which this account adds the same account in a day.
    TooMany,
    /// This account has sent five messages and invitations to an account that has not accepted it, or 50 of its requests
    /// to others are open. Wait for an answer.
    NotAccepted,
    /// The account has used up its quota of stored bytes.
    /// Delete messages, shorten the retention of conversations, or ask the operator.
    OverQuota,
    /// The server is in guest mode: it stores nothing, so it does not support this request.
    Unsupported,
    /// The server is in guest mode, and no connection has the id of the receiver now.
    NotConnected,
    /// The account has sent too many frames in too short a time, or its connections do not read their long answers.
    /// Nothing was carried out. Wait `retry_after_ms`, then send the request again.
    RateLimited,
    /// The database does not work at the moment, or a query took too long.
    /// The change may have been stored all the same. Send the request again with the same `ref`.
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
