//! The codes with which the server closes a connection (RFC 6455, section 7.4; 4000 to 4999 are for private use).

/// A close code of the server, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// 1001: the server stops, or the client must reconnect to resume.
    GoingAway,
    /// 1002: the client has violated RFC 6455.
    Protocol,
    /// 1007: a text frame was not UTF-8.
    NotUtf8,
    /// 1009: a frame or a message was larger than [`crate::limit::FRAME_BYTES_MAX`].
    TooBig,
    /// 1011: the account's log cannot be read until the operator has repaired the database.
    Internal,
    /// 4401: there is no valid token. The client must not reconnect with the same one.
    Unauthorized,
    /// 4408: the client has not authenticated in time.
    HelloTimeout,
    /// 4409: the client reads too slowly. It can read everything from the log.
    SlowReader,
    /// 4409: the account has opened more connections than allowed, and this was its oldest.
    TooManyConnections,
    /// 4429: the client sends too fast.
    FastWriter,
}

impl Close {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::GoingAway,
        Self::Protocol,
        Self::NotUtf8,
        Self::TooBig,
        Self::Internal,
        Self::Unauthorized,
        Self::HelloTimeout,
        Self::SlowReader,
        Self::TooManyConnections,
        Self::FastWriter,
    ];

    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
            Self::Internal => 1011,
            Self::Unauthorized => 4401,
            Self::HelloTimeout => 4408,
            Self::SlowReader | Self::TooManyConnections => 4409,
            Self::FastWriter => 4429,
        }
    }

    /// The number as text, for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoingAway => "1001",
            Self::Protocol => "1002",
            Self::NotUtf8 => "1007",
            Self::TooBig => "1009",
            Self::Internal => "1011",
            Self::Unauthorized => "4401",
            Self::HelloTimeout => "4408",
            Self::SlowReader | Self::TooManyConnections => "4409",
            Self::FastWriter => "4429",
        }
    }

    /// A sentence for a person; at most 123 bytes, as a control frame allows.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "going away, come back and resume",
            Self::Protocol => "not a WebSocket frame that RFC 6455 allows",
            Self::NotUtf8 => "text must be UTF-8",
            Self::TooBig => "a frame may have 64 KiB",
            Self::Internal => {
                "the log cannot be read, the operator has to mend it; come back much later"
            }
            Self::Unauthorized => "not authorised, log in again",
            Self::HelloTimeout => "no hello within 10 seconds",
            Self::SlowReader => "too slow a reader, come back and resume from the log",
            Self::TooManyConnections => {
                "the account has too many connections, the oldest is closed; come back and resume"
            }
            Self::FastWriter => "too many messages, wait before coming back",
        }
    }
}
