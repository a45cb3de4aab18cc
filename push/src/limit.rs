//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Bytes of an endpoint's URL.
pub const ENDPOINT_BYTES_MAX: usize = 2048;
/// Bytes of an uncompressed point of P-256.
pub const POINT_BYTES: usize = 65;
/// Bytes of a subscription's authentication secret (RFC 8291).
pub const SECRET_BYTES: usize = 16;
/// Bytes of a private key of P-256.
pub const KEY_BYTES: usize = 32;
/// Bytes of the salt of an encrypted message (RFC 8188).
pub(crate) const SALT_BYTES: usize = 16;
/// Bytes of a record of an encrypted message (RFC 8188): the largest one that every push service takes (RFC 8030).
pub(crate) const RECORD_BYTES: u32 = 4096;
/// How long a push service keeps a push for a browser that is off.
pub const PUSH_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a signature of this server is good (RFC 8292 allows a day).
pub const SIGNATURE_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long opening a connection to a push service may take, its name's look-up and TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a push service may take for an answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the body of an answer that are read; the rest is not waited for.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Look-ups of names that run at the same time. A look-up that hangs takes a thread until the resolver gives up.
pub const LOOKUPS_AT_ONCE_MAX: usize = 32;
/// The longest `Retry-After` of a push service that is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

const _: () = assert!(SIGNATURE_LIFE.as_secs() <= 24 * 60 * 60);
