//! The bounds that both sides must know.

/// Bytes of one WebSocket frame, and of one message made of several; over it the close code is 1009.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message's `content`, in UTF-8.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a `ref`.
pub const REF_BYTES_MAX: usize = 64;
/// Bytes of a clear token as text; ours have 43.
pub const TOKEN_TEXT_BYTES_MAX: usize = 128;
/// Random bits of a token.
pub const TOKEN_BITS: usize = 256;
/// How long a session lasts after it was last used, in milliseconds: 30 days.
pub const SESSION_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

// The longest content still fits a frame when each byte of it is escaped as two.
const _: () = assert!(2 * CONTENT_BYTES_MAX + 1024 < FRAME_BYTES_MAX);
