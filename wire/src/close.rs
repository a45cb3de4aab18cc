//! Why the server ends a connection (RFC 6455, section 7.4; 4000 to 4999 are private use).

/// The close codes the server sends, with the sentence that goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// 1001: the server stops, or wants the client to come back and resume.
    GoingAway,
    /// 1002: not WebSocket as RFC 6455 has it.
    Protocol,
    /// 1007: a text frame that is not UTF-8.
    NotUtf8,
    /// 1009: a frame or message over [`crate::limit::FRAME_BYTES_MAX`].
    TooBig,
    /// 1011: what the client asks for cannot be read, and will not be until the operator has mended it.
    Internal,
    /// 4401: no valid token; trying again with the same one is of no use.
    Unauthorized,
    /// 4408: no hello in time.
    HelloTimeout,
    /// 4409: too slow a reader; everything is in the log.
    SlowReader,
    /// 4409 too: the account has opened more connections than it may have, and this was its oldest.
    TooManyConnections,
    /// 4429: too fast a writer.
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

    /// The number as a word, for metrics.
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
