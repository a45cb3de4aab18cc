//! Every bound of this crate, with its unit.

/// Bytes of an object's name: enough that nobody guesses one.
pub const NAME_BYTES_MIN: usize = 16;
/// Bytes of an object's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of one file unless told otherwise: 25 MiB.
pub const FILE_MAX: u64 = 25 * 1024 * 1024;
