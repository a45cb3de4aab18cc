//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Bytes of an object's name: enough that nobody guesses one.
pub const NAME_BYTES_MIN: usize = 16;
/// Bytes of an object's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of one file by default: 25 MiB.
pub const FILE_MAX: u64 = 25 * 1024 * 1024;
/// Bytes of memory of all objects that are being written to a bucket. Each is in memory until it is complete. 32 objects of 4 MiB fit.
pub const BUCKET_MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How long an object may be in memory before it is finished with the bytes that it has, so that a client that sends slowly does not
/// occupy memory.
pub const OBJECT_HELD_MAX: Duration = Duration::from_secs(30);
/// Requests that write objects to a bucket at the same time.
pub const WRITES_AT_ONCE_MAX: usize = 32;
/// How long an object that is complete waits for its request.
pub const WRITE_WAIT_MAX: Duration = Duration::from_secs(20);
/// Bytes of an object in a bucket that are fetched at once.
pub const BLOCK_BYTES: u64 = 256 * 1024;
/// How long a request to a bucket may take, repetitions included. An object of 4 MiB needs 1.1 Mbit/s for it.
pub const BUCKET_DEADLINE: Duration = Duration::from_secs(30);
/// For how long a request to a bucket that fails is repeated.
pub const BUCKET_RETRY_WITHIN: Duration = Duration::from_secs(5);
/// How long a probe of a bucket may take, repetitions included.
pub const BUCKET_PROBE_DEADLINE: Duration = Duration::from_secs(8);
/// How long the system may take for one request to a directory until the directory counts as one that hangs.
pub const DIRECTORY_STUCK: Duration = Duration::from_secs(10);
/// Bytes of a directory's disk that files leave free: 256 MiB. Databases and logs are often on the same disk.
pub const RESERVED_BYTES: u64 = 256 * 1024 * 1024;
/// On a small disk files leave one part in this number free.
pub const RESERVED_PART: u64 = 20;
/// The interval at which it is checked whether a probe is due.
pub const PROBE_LOOK: Duration = Duration::from_secs(1);
/// The time without requests after which a directory is probed; also the pause between probes after a failure.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The time without requests after which a bucket is probed. Each request costs money.
pub const BUCKET_PROBE_INTERVAL: Duration = Duration::from_secs(30);
/// Bytes of the object with which a store is probed.
pub const PROBE_BYTES: usize = 16 * 1024;
/// How long the check at the start waits for the store before it leaves the store to the probes.
pub const START_DEADLINE: Duration = Duration::from_secs(8);

const _: () = assert!(BUCKET_RETRY_WITHIN.as_secs() < BUCKET_PROBE_DEADLINE.as_secs());
const _: () = assert!(BUCKET_PROBE_DEADLINE.as_secs() < BUCKET_DEADLINE.as_secs());
const _: () =
    assert!(WRITE_WAIT_MAX.as_secs() < BUCKET_DEADLINE.as_secs(), "so that waiting is no failure");
