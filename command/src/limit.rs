//! Every bound of the commands, with its unit.

/// Bytes that are written between two flushes to the disk. Without flushes a commit of the servers would wait for the
/// whole backup.
pub(crate) const UNSYNCED_BYTES_MAX: u64 = 1024 * 1024;
/// The niceness of a backup or a check, so that the servers have priority.
pub(crate) const NICENESS: i32 = 19;

/// How long the objects of a deleted file stay at least, so that a backup that began before finds them. They are removed after an hour.
pub(crate) const OBJECTS_KEPT: std::time::Duration = std::time::Duration::from_secs(55 * 60);
/// A file store that has fewer of a database's objects, in percent, is taken for the store of another one.
pub(crate) const FOUND_PERCENT_MIN: usize = 1;
/// Random bytes of a code that an operator hands on.
pub(crate) const CODE_BYTES: usize = 16;
/// Days that an invitation is good for, unless said otherwise,
pub(crate) const INVITATION_DAYS: i64 = 7;
/// and at most.
pub(crate) const INVITATION_DAYS_MAX: i64 = 365;
/// Accounts that can be made with one invitation, at most.
pub(crate) const INVITATION_USES_MAX: i64 = 10_000;
/// Hours that the link of `admin reset` is good for.
pub(crate) const RESET_HOURS: i64 = 24;
/// `doctor` warns of a newest backup that is older than this number of days.
pub(crate) const BACKUP_DAYS_MAX: i64 = 7;
/// `doctor` warns of a clock that differs more from the database's, in milliseconds.
pub(crate) const CLOCK_WARNING_MS: i64 = 2_000;
/// A difference of this many milliseconds is a problem, since retention and the time for edits depend on the clock.
pub(crate) const CLOCK_PROBLEM_MS: i64 = 5 * 60 * 1000;
/// `doctor` warns of fewer free bytes on a disk.
pub(crate) const FREE_BYTES_WARNING: u64 = 1024 * 1024 * 1024;
/// Fewer free bytes on a disk are a problem.
pub(crate) const FREE_BYTES_PROBLEM: u64 = 64 * 1024 * 1024;
/// `doctor` warns if a server accepts fewer connections at a time.
pub(crate) const CONNECTIONS_WARNING: usize = 200;
/// `doctor` warns of a write-ahead log with more bytes. It means that a reader keeps an old snapshot for long.
pub(crate) const WAL_BYTES_WARNING: u64 = 256 * 1024 * 1024;
