//! Every bound of the connections to the database, with its unit.

use std::time::Duration;

/// Connections for signups, logins and the like; SQLite allows one writer, for everything.
pub(crate) const POSTGRES_WRITERS: usize = 4;
/// The connection that commits messages, apart from the writers, so that it does not wait for the deletion of accounts.
pub(crate) const POSTGRES_COMMITTERS: usize = 1;
/// Connections that only read, for requests.
pub(crate) const READERS: usize = 4;
/// Connections that only search. Two, so that one account, which may hold half of them, leaves one to the others.
pub(crate) const SEARCHERS: usize = 2;
/// Connections that read for the server itself: sweeps may take long, and ended sessions are looked for meanwhile.
pub(crate) const SERVER_READERS: usize = 2;

/// Connections to PostgreSQL that a program has at the most.
pub(crate) const POSTGRES_CONNECTIONS: usize =
    POSTGRES_WRITERS + POSTGRES_COMMITTERS + READERS + SEARCHERS + SERVER_READERS;

/// How long a connection to PostgreSQL may take to come about, with all that is said before the first statement.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a commit may take, and for messages all of the transaction; then nobody knows whether it has happened.
pub(crate) const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to carry out another statement.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request to delete an account waits for its rows to be erased; the server erases the rest afterwards. Less than an
/// HTTP response may take.
pub(crate) const ERASE_AT_ONCE_MAX: Duration = Duration::from_secs(5);
/// How much later than PostgreSQL itself we give a statement up.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How long a connection that is asked whether it still answers may take to.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long asking the server to give up a statement, or saying goodbye, may take.
pub(crate) const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);
/// Only a failure within this time is retried: a dead connection fails at once.
pub(crate) const RETRY_WITHIN: Duration = Duration::from_secs(1);
/// After this long without traffic, storing and reading are probed.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a probe writes enough to notice a full disk, without traffic.
pub(crate) const PROBE_ROOM_INTERVAL: Duration = Duration::from_secs(15);
/// Bytes that are written for that: two pages of PostgreSQL.
pub(crate) const PROBE_BYTES: usize = 16 * 1024;
/// Between two looks whether that is so.
pub(crate) const PROBE_LOOK: Duration = Duration::from_secs(1);
/// A commit that has been running longer does not store any more, whatever becomes of it.
pub(crate) const COMMIT_SLOW: Duration = Duration::from_secs(3);
/// How long it is told that something damaged was come across.
pub(crate) const DAMAGE_SHOWN: Duration = Duration::from_secs(60);

/// By how much the machine's clock may differ from what it is expected to show. With more it is in doubt.
pub(crate) const CLOCK_STEP_MAX: Duration = Duration::from_secs(5 * 60);
/// A clock that is ahead for so long is followed by the time in messages. One that gets ahead sooner after the machine was switched
/// on is followed at once.
pub(crate) const CLOCK_FOLLOW_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often the time is written down.
pub(crate) const CLOCK_RECORD_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest time between two lines in the log that say that the machine's clock is in doubt.
pub(crate) const CLOCK_WARN_INTERVAL: Duration = Duration::from_secs(60);

/// How often a chat server shows that it is alive.
pub(crate) const NODE_BEAT: Duration = Duration::from_secs(5);
/// After so many looks at which another has counted up it is alive for sure; one that is being replaced has ended by then.
pub(crate) const NODE_SURE_BEATS: u32 = 3;
/// After so many looks at which another has not counted up it is forgotten.
pub(crate) const NODE_SILENT_BEATS: u32 = 9;
/// How long a node has been gone by the time that it is forgotten.
pub const NODE_GONE_FOR: Duration =
    Duration::from_secs(NODE_BEAT.as_secs() * NODE_SILENT_BEATS as u64);
/// Between two looks whether there are other nodes, while there are none.
pub(crate) const NODE_LOOK_ALONE: Duration = Duration::from_millis(500);
/// The shortest time between two comparisons of all logs that have a connection here.
pub(crate) const NODE_LOOK_AT_ALL: Duration = Duration::from_millis(500);
/// A node that is not seen to tell of its commits, and has not counted up at so many looks, has ended or will say so.
pub(crate) const NODE_QUIET_BEATS: u32 = 3;
/// Accounts whose connections are told or read in one statement.
pub(crate) const ONLINE_PAGE: usize = 1000;
/// Notices of one node that are read at once.
pub(crate) const NOTICES_PAGE: i64 = 256;
/// Beats after which a notice is deleted: longer than a node that does not read it is kept in the table.
pub(crate) const NOTICE_BEATS: usize = 2 * NODE_SILENT_BEATS as usize;
/// How long all logs are compared after a notice was missing: its commit may still be running, without the node that began it.
pub(crate) const NOTICE_DOUBT: Duration = Duration::from_secs(20);

/// How long a verb waits for a connection before it gives up.
pub(crate) const TAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement may take that reads for a request.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that rested longer is asked whether it still answers.
pub(crate) const REST_UNCHECKED: Duration = Duration::from_secs(30);
/// How often a write is tried that others are in the way of, or whose connection turns out to be dead.
pub(crate) const WRITE_TRIES_MAX: usize = 4;

/// Message requests accepted in one transaction, at a start where everybody knows everybody.
pub(crate) const REQUESTS_PAGE: i64 = 1000;
/// Recently valid tokens that are remembered, so that their owners do not wait behind made-up tokens.
pub(crate) const TOKENS_REMEMBERED_MAX: usize = 64 * 1024;

/// The number of connections of a pool that one account may hold at one time.
pub(crate) const fn share(connections: usize) -> usize {
    if connections > 1 { connections / 2 } else { 1 }
}

/// Messages that are looked at in one statement to find the next one that is not withheld.
pub(crate) const WITHHELD_STRIDE: i64 = 1000;

/// Bytes of text in one page of what is read. What passes them is read as well, and one after it, which shows that there is more.
pub const PAGE_BYTES: usize = 256 * 1024;

// Who was connected to a node that died is seen to be away within 60 s.
const _: () = assert!(NODE_BEAT.as_secs() * (NODE_SILENT_BEATS as u64 + 2) < 60);
const _: () = assert!(NOTICE_DOUBT.as_secs() > COMMIT_TIMEOUT.as_secs());

const _: () = assert!(share(READERS) < READERS && share(SEARCHERS) < SEARCHERS);
const _: () = assert!(
    POSTGRES_WRITERS + POSTGRES_COMMITTERS + READERS + SEARCHERS + SERVER_READERS == 13,
    "docs/OPERATING.md names this number"
);
