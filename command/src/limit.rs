//! Every bound of the commands, with its unit.

/// Bytes that are written before the disk is made to have them: a commit of the servers would otherwise wait for all of a backup.
pub(crate) const UNSYNCED_BYTES_MAX: u64 = 1024 * 1024;
/// How much more a backup or a check gives way to other processes (`nice`).
pub(crate) const NICENESS: i32 = 19;

/// A backup older than so many days is worth a warning.
pub(crate) const BACKUP_DAYS_MAX: i64 = 7;
/// A clock that is further from the database's, in milliseconds, is worth a warning,
pub(crate) const CLOCK_WARNING_MS: i64 = 2_000;
/// and this far from it a problem: retention and edit windows go by it.
pub(crate) const CLOCK_PROBLEM_MS: i64 = 5 * 60 * 1000;
/// Bytes free on a disk below which there is a warning,
pub(crate) const FREE_BYTES_WARNING: u64 = 1024 * 1024 * 1024;
/// and a problem.
pub(crate) const FREE_BYTES_PROBLEM: u64 = 64 * 1024 * 1024;
/// Fewer connections than this at one time are worth a warning.
pub(crate) const CONNECTIONS_WARNING: usize = 200;
/// A write-ahead log of more bytes than this shows that somebody reads an old state for long.
pub(crate) const WAL_BYTES_WARNING: u64 = 256 * 1024 * 1024;
