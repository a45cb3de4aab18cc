//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Bytes of a request's head, the empty line included.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the first buffer for a head. Most heads fit.
pub const HEAD_BYTES_FIRST: usize = 2 * 1024;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;
/// From the first byte of a head to its end; for the first head also from accept to its first byte. Further bytes do not extend it.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// From the first wait for a body to its last byte. Further bytes do not extend it.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// The longest pause in which a client reads nothing of a response.
pub const RESPONSE_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes per second of a response that a client must read on average, after [`RESPONSE_DEADLINE`].
pub const RESPONSE_BYTES_PER_SECOND_MIN: u32 = 1024;
/// The delay of a refusal with [`crate::Response::delayed`]. It slows down a client that repeats its request in a loop.
pub const REFUSAL_HELD: Duration = Duration::from_millis(500);
/// Bytes of a streamed response or of a file that are read and sent at a time.
pub const COPY_BYTES: usize = 16 * 1024;
/// Seconds in `Retry-After` when the server is full or a service does not work.
pub const RETRY_AFTER_SECONDS: u32 = 2;
/// Least time between two warnings about the same wrong host.
pub const HOST_WARN_INTERVAL: Duration = Duration::from_secs(60);
/// Characters of such a host that are logged; a DNS name has at most 253.
pub const HOST_CHARS_LOGGED: usize = 100;
/// How long a browser may cache the response to a preflight request. Chrome caches it no longer than this.
pub const PREFLIGHT_KEPT: Duration = Duration::from_secs(7200);
/// Least time between two lines of the log about failed health checks.
pub const HEALTH_LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Connections of the metrics listener, in total.
pub const OPS_CONNECTIONS_MAX: usize = 32;
/// Requests on one connection. The last response has `Connection: close`.
pub const REQUESTS_PER_CONNECTION_MAX: u32 = 1000;
/// From a response to the first byte of the next request.
pub const IDLE_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes per second of a streamed body that a client must send on average, after [`BODY_DEADLINE`]. No pause may be longer than
/// [`BODY_DEADLINE`].
pub const BODY_BYTES_PER_SECOND_MIN: u32 = 1024;
/// Bytes of the line before a chunk, with its extensions.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// Bytes of the trailers after the last chunk, which are ignored.
pub const TRAILER_BYTES_MAX: usize = 4096;
/// Bytes of an unread body that are read and dropped to keep the connection.
pub const DISCARDED_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are still read after a head was refused.
pub const LINGER_HEAD_BYTES_MAX: u64 = 256 * 1024;
/// How long a browser uses https only, after a response over https.
pub const HSTS_SECONDS: u32 = 31_536_000;
/// Bytes of a request ID that is accepted from a trusted proxy.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize, "heads are indexed by u16");
const _: () = assert!(HEAD_BYTES_FIRST <= HEAD_BYTES_MAX);
