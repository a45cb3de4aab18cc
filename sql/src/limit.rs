//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Connections for signups, logins and other writes of requests. SQLite has one writer for everything.
pub(crate) const POSTGRES_WRITERS: usize = 4;
/// The connection that commits messages. It is separate from the writers, so that commits do not wait for the deletion
/// of accounts.
pub(crate) const POSTGRES_COMMITTERS: usize = 1;
/// Connections that only read, for requests.
pub(crate) const READERS: usize = 4;
/// Connections that only search. Two, so that one account, which may hold half of them, leaves one to the others.
pub(crate) const SEARCHERS: usize = 2;
/// Connections that read for the server itself: a sweep may take long, and ended sessions are looked for meanwhile.
pub(crate) const SERVER_READERS: usize = 2;

/// Connections to the replica, if one is set.
pub(crate) const REPLICA_READERS: usize = 6;

/// Connections to PostgreSQL that a program has at most.
pub(crate) const POSTGRES_CONNECTIONS: usize =
    POSTGRES_WRITERS + POSTGRES_COMMITTERS + READERS + SEARCHERS + SERVER_READERS;

/// How long connecting to PostgreSQL may take, up to the first statement.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting to the replica may take.
pub(crate) const REPLICA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the replica may take to say how far it is.
pub(crate) const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a read waits for a connection to the replica before it goes to the database.
pub(crate) const REPLICA_TAKE_TIMEOUT: Duration = Duration::from_millis(100);
/// How often a replica that is away is tried.
pub(crate) const REPLICA_RETRY: Duration = Duration::from_secs(2);
/// How often it is checked that the replica has the same history as the database.
pub(crate) const REPLICA_IDENTITY_INTERVAL: Duration = Duration::from_secs(5);
/// After the replica has been behind for this long, the log says so.
pub(crate) const REPLICA_LAG_TOLD: Duration = Duration::from_secs(1);
/// How long a commit may take; for messages, the whole transaction. Then its outcome is in doubt.
pub(crate) const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// After a commit has waited for PostgreSQL's synchronous standby for this long, no new connection writes. Less than
/// [`COMMIT_TIMEOUT`], so that a commit that was given up keeps the next one from beginning.
pub(crate) const STANDBY_STALL: Duration = Duration::from_secs(5);
/// How often the server is asked whether commits still wait for the standby. Until then writes are refused without asking.
pub(crate) const STANDBY_LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a transaction that writes may stand still between two statements. It holds locks on logs, and others wait for them:
/// for example, if its process is stopped.
pub(crate) const WRITE_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long PostgreSQL may take for any other statement.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request to delete an account waits for its rows to be erased; the server erases the rest afterwards. Less than an
/// HTTP response may take.
pub(crate) const ERASE_AT_ONCE_MAX: Duration = Duration::from_secs(5);
/// How much longer than PostgreSQL's own statement timeout the client waits before it gives a statement up.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How long the check whether a connection still answers may take.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long asking the server to cancel a statement, or closing a connection, may take.
pub(crate) const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);
/// Only a failure within this time is retried: a dead connection fails at once.
pub(crate) const RETRY_WITHIN: Duration = Duration::from_secs(1);
/// After this long without traffic, storing and reading are probed.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a probe writes enough to notice a full disk, without traffic.
pub(crate) const PROBE_ROOM_INTERVAL: Duration = Duration::from_secs(15);
/// Bytes that such a probe writes: two pages of PostgreSQL.
pub(crate) const PROBE_BYTES: usize = 16 * 1024;
/// How often the need for a probe is checked.
pub(crate) const PROBE_LOOK: Duration = Duration::from_secs(1);
/// A commit that has been running for longer counts as failed for the health checks.
pub(crate) const COMMIT_SLOW: Duration = Duration::from_secs(3);
/// How long the health checks report damaged data after it was found.
pub(crate) const DAMAGE_SHOWN: Duration = Duration::from_secs(60);

/// The largest difference between the machine's clock and the expected time. With a larger one the clock is in doubt.
pub(crate) const CLOCK_STEP_MAX: Duration = Duration::from_secs(5 * 60);
/// Clocks that differ by less count as the same where servers on different machines compare short times.
pub(crate) const CLOCK_SAME_WITHIN: Duration = Duration::from_secs(1);
/// When the machine's clock has been ahead for this long, the time in messages follows it. If it gets ahead earlier
/// than this after the machine was switched on, the time in messages follows it at once.
pub(crate) const CLOCK_FOLLOW_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often the time is recorded in the database.
pub(crate) const CLOCK_RECORD_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest time between two lines in the log that say that the machine's clock is in doubt.
pub(crate) const CLOCK_WARN_INTERVAL: Duration = Duration::from_secs(60);

/// How long a wrong password is kept for other auth servers, in milliseconds.
pub(crate) const FAILED_LOGINS_KEPT_MS: i64 = 30_000;
/// Wrong passwords of other auth servers that are read at once, the latest first. Each has taken one of them some 60 ms of a core.
pub(crate) const FAILED_LOGINS_READ_MAX: i64 = 10_000;

/// The interval at which a node increments its counter, to show that it is alive (a beat).
pub(crate) const NODE_BEAT: Duration = Duration::from_secs(5);
/// How long a look at the other nodes waits for a commit of this node. Longer would delay the messages from other nodes.
pub(crate) const NODE_COMMIT_PATIENCE: Duration = Duration::from_millis(250);
/// After this many beats another node counts as alive. A node that is being replaced has ended by then.
pub(crate) const NODE_SURE_BEATS: u32 = 3;
/// After this many beats without an increment another node is deleted from the table.
pub(crate) const NODE_SILENT_BEATS: u32 = 9;
/// For how long a node has been gone when it is deleted from the table.
pub const NODE_GONE_FOR: Duration =
    Duration::from_secs(NODE_BEAT.as_secs() * NODE_SILENT_BEATS as u64);
/// How often a node that knows of no other nodes looks for them.
pub(crate) const NODE_LOOK_ALONE: Duration = Duration::from_millis(500);
/// Least time between two comparisons of the logs of all connected accounts.
pub(crate) const NODE_COMPARE_INTERVAL: Duration = Duration::from_millis(500);
/// A node that writes no notices and has not incremented its counter for this many beats counts as ended.
pub(crate) const NODE_QUIET_BEATS: u32 = 3;
/// Accounts whose rows in `online` are written or read in one statement.
pub(crate) const ONLINE_PAGE: usize = 1000;
/// Notices of all other nodes that are read at a time.
pub(crate) const NOTICES_PAGE: usize = 256;
/// Notices of each node that are read at a time, however many nodes there are.
pub(crate) const NOTICES_OF_EACH_MIN: usize = 8;
/// Beats after which a notice is deleted: longer than a node that does not read it is kept in the table.
pub(crate) const NOTICE_BEATS: usize = 2 * NODE_SILENT_BEATS as usize;
/// How long all logs are compared after a notice was missing. Its commit may still be running, although its node has
/// ended.
pub(crate) const NOTICE_DOUBT: Duration = Duration::from_secs(20);

/// How long a method waits for a connection to the database before it gives up.
pub(crate) const TAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement that reads for a request may take.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that was idle for longer is checked before it is used.
pub(crate) const REST_UNCHECKED: Duration = Duration::from_secs(30);
/// How many times a write is tried if it conflicts with others, or if its connection turns out to be dead.
pub(crate) const WRITE_TRIES_MAX: usize = 4;

/// Codes of one purpose that are mailed to an account within [`MAILED_CODES_INTERVAL_MS`].
pub(crate) const MAILED_CODES_MAX: i64 = 3;
/// The time in which [`MAILED_CODES_MAX`] counts, in milliseconds: an hour.
pub(crate) const MAILED_CODES_INTERVAL_MS: i64 = 60 * 60 * 1000;

/// Message requests that are accepted in one transaction, at a start with `--contact open`.
pub(crate) const REQUESTS_PAGE: i64 = 1000;
/// Recently valid tokens that are remembered, so that their owners do not wait behind invalid tokens.
pub(crate) const TOKENS_REMEMBERED_MAX: usize = 64 * 1024;
/// Recently valid tokens of one account that are remembered: more than its sessions and tickets together.
pub(crate) const TOKENS_REMEMBERED_PER_ACCOUNT: usize = 100;

/// The overhead of an entry for its sender's quota, in bytes: its row, its `ref` twice, its rows in indexes and in the logs of two
/// accounts. PostgreSQL needs up to 600, with a deletion 1,000; SQLite up to 450.
pub(crate) const ENTRY_OVERHEAD: i64 = 512;
/// The overhead of a message to a group, and of a new name of the group, for each member besides its sender, in bytes: the row that a
/// block or a member's own deletion adds. PostgreSQL needs 140, SQLite 40.
pub(crate) const OTHER_MEMBER_OVERHEAD: i64 = 48;
/// The overhead of each byte of a file's name in an entry. The name is stored as it is and as folded words, and each word that is new in
/// its conversation is a key of the index. PostgreSQL needs 10 times the bytes of a text of different words, and 17 times those of a run
/// of Chinese characters.
pub(crate) const NAME_WEIGHT: i64 = 8;
/// The overhead that an account may have, in bytes, even if its quota is smaller. Otherwise the bound of the overhead is the quota.
pub(crate) const OVERHEAD_FREE: i64 = 64 * 1024 * 1024;
/// The overhead of a file for its owner's quota, in bytes: its rows with a name of 255 bytes, and the rest of the last
/// block of the disk.
pub(crate) const FILE_OVERHEAD: i64 = 4096;
/// The most bytes of one piece of a file. After its connection has broken off, a client sends at most one piece again.
pub const PIECE_BYTES_MAX: i64 = 4 * 1024 * 1024;
/// The least bytes of a piece. Only a piece that ends at a boundary of pieces, or the last piece so far, may be shorter. The next piece
/// replaces a shorter one and contains its bytes. So a client that sends a few bytes at a time creates no tiny objects.
pub const PIECE_BYTES_MIN: i64 = 16 * 1024;
/// Existing objects with the same bytes that are tried in place of a new one. More than one is needed only if an object is lost.
pub(crate) const SAME_BLOBS_MAX: i64 = 8;
/// Pieces of a file that are looked up in one statement.
pub(crate) const PIECES_PAGE: i64 = 64;
/// Files of one account that belong to no message, with unfinished uploads.
pub(crate) const UPLOADS_UNSENT_MAX: i64 = 200;
/// Steps of the search for a message with a file that an account sees: three for each conversation, and two for each run of messages
/// that are withheld from the account. With more steps the file is not found. An account in so many conversations can be sent the
/// file again.
pub(crate) const FILE_LOOKS_MAX: i64 = 1000;
/// Pixels of a thumbnail, in each direction.
pub(crate) const THUMBNAIL_PIXELS_MAX: i64 = 320;
/// Bytes of a thumbnail.
pub(crate) const THUMBNAIL_BYTES_MAX: i64 = 256 * 1024;
/// Bytes of the picture of an account: 1 MiB.
pub const PICTURE_BYTES_MAX: i64 = 1024 * 1024;
/// Files, and objects of the file store, that are looked up together to be deleted.
pub(crate) const COLLECTED_PAGE: i64 = 100;
/// Reports that are read or deleted in one statement.
pub(crate) const REPORTS_PAGE: i64 = 100;
/// How long the objects of a deleted file are kept, in milliseconds: an hour. So a backup that began before the deletion still finds them.
pub(crate) const BLOB_KEPT_MS: i64 = 60 * 60 * 1000;

/// Sessions or accounts whose subscriptions for Web Push are read or written in one statement.
pub(crate) const PUSHES_PAGE: usize = 500;
/// The least time between two pushes to one subscription until its client is back, in milliseconds.
pub const PUSH_INTERVAL_MS: i64 = 10_000;
/// The least time between two pushes to one host, over all servers, in milliseconds.
pub const PUSH_HOST_INTERVAL_MS: i64 = 1000;
/// The time after which a claimed push without an outcome is due again, in milliseconds. The server that claimed it has died.
pub const PUSH_CLAIM_MS: i64 = 60_000;
/// The number of times in a row that a push is tried.
pub const PUSH_TRIES_MAX: i64 = 10;

/// The number of connections of a pool that one account may hold at one time.
pub(crate) const fn share(connections: usize) -> usize {
    if connections > 1 { connections / 2 } else { 1 }
}

/// Withheld entries after a message that an account hides, which are joined to one run with it.
pub(crate) const WITHHELD_MERGED_MAX: i64 = 200;

/// Messages that one statement reads to find the next one that is not withheld.
pub(crate) const WITHHELD_STRIDE: i64 = 1000;

/// Bytes of text in one page. The item that exceeds them is still read, and one more, which shows that the page is not the last.
pub const PAGE_BYTES: usize = 256 * 1024;

// The accounts that were connected to a node that died are shown as offline within 60 s.
const _: () = assert!(NODE_BEAT.as_secs() * (NODE_SILENT_BEATS as u64 + 2) < 60);
const _: () = assert!(NOTICE_DOUBT.as_secs() > COMMIT_TIMEOUT.as_secs());

const _: () = assert!(share(READERS) < READERS && share(SEARCHERS) < SEARCHERS);
const _: () = assert!(
    POSTGRES_WRITERS + POSTGRES_COMMITTERS + READERS + SEARCHERS + SERVER_READERS == 13,
    "docs/OPERATING.md names this number"
);
const _: () = assert!(REPLICA_READERS == 6, "docs/OPERATING.md names this number");
