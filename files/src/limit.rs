//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Bytes of an object's name: enough that nobody guesses one.
pub const NAME_BYTES_MIN: usize = 16;
/// Bytes of an object's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of one file unless told otherwise: 25 MiB.
pub const FILE_MAX: u64 = 25 * 1024 * 1024;
/// Objects that are written to a bucket at the same time; each is in memory until it is whole.
pub const OBJECTS_AT_ONCE_MAX: usize = 32;
/// Bytes of an object in a bucket that are fetched at once.
pub const BLOCK_BYTES: u64 = 1024 * 1024;
/// How long a request to a bucket may take, repetitions included.
pub const BUCKET_DEADLINE: Duration = Duration::from_secs(60);
/// For how long a request to a bucket that fails is repeated.
pub const BUCKET_RETRY_WITHIN: Duration = Duration::from_secs(20);
