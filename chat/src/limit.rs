//! Every bound of the chat server, with its unit.

use std::time::Duration;

use wire::limit::{
    CONTENT_BYTES_MAX, EMOJI_BYTES_MAX, FRAME_BYTES_MAX, REACTIONS_LISTED_MAX, SESSION_USE_MS,
};

/// Bytes of a connection's read buffer while it sleeps. Most messages are far smaller.
pub(crate) const READ_BYTES: usize = 512;
/// Bytes of the read buffer once a socket has filled [`READ_BYTES`], until a tick reads less again.
pub(crate) const BURST_BYTES: usize = 16 * 1024;
/// Bytes of tungstenite's read buffer. A longer frame gets a buffer of its own.
pub(crate) const FRAME_BYTES_FIRST: usize = 128;
/// Fragments of one message before its last one. With more the connection is closed with 1009.
pub(crate) const FRAGMENTS_MAX: usize = 1024;
/// Frames that one connection may have handled before its outgoing side gets a tick.
pub(crate) const FRAMES_PER_TICK_MAX: usize = 256;

/// Bytes of a tick's messages that are appended to a guest's outbox at a time. The message that exceeds it is the last
/// one.
pub(crate) const RELAY_BATCH_BYTES: usize = 64 * 1024;

/// Capacity of an outbox's buffer once a second frame waits in it. Then usually many more follow.
pub(crate) const FRAMES_BYTES_NEXT: usize = 8 * 1024;

/// Bytes that may wait in the outbox of one connection. With more the connection is closed with 4409.
pub(crate) const OUTBOX_BYTES_MAX: usize = 1024 * 1024;
/// Frames that may wait in the outbox of one connection. With more the connection is closed with 4409.
pub(crate) const OUTBOX_FRAMES_MAX: usize = 16 * 1024;
/// Bytes of a partly sent frame that are kept for a connection closed with 4409, so that the close frame can follow. If
/// more are left, the socket is closed without a close frame.
pub(crate) const BEGUN_BYTES_MAX: usize = 64 * 1024;
/// A replay reads the next events only when fewer bytes than this wait in the outbox.
pub(crate) const REPLAY_LOW_BYTES: usize = 128 * 1024;
/// Events that a replay reads at a time.
pub(crate) const REPLAY_PAGE: usize = 128;
/// How long a client may read nothing while frames wait for it, before its connection is closed with 4409.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a slow client has to read its close frame.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(30);
/// How often the drainer looks for slow clients whose time is over.
pub(crate) const DRAINER_SWEEP: Duration = Duration::from_secs(5);

/// From the handshake to a valid hello. Then the connection is closed with 4408.
pub(crate) const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// A connection that was silent for this time gets a WebSocket ping. After the same time without an answer it ends.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long a close frame may wait until the committer has answered the client's earlier requests: as long as a
/// shutdown waits.
pub(crate) const QUEUED_CLOSE_MAX: Duration = SESSIONS_END_MAX.saturating_add(COMMITTER_END_MAX);
/// How long the client then has to read the close frame and to answer it.
pub(crate) const CLOSE_LINGER: Duration = Duration::from_secs(2);
/// How long a shutdown waits for the connections to end. The committer has the time after it, and close frames have the
/// rest.
pub(crate) const SESSIONS_END_MAX: Duration = Duration::from_secs(4);
/// How long a shutdown waits for the committer to finish its queue.
pub(crate) const COMMITTER_END_MAX: Duration = Duration::from_secs(3);
/// How long a shutdown waits for the node to leave the cluster.
pub(crate) const NODE_END_MAX: Duration = Duration::from_secs(1);

/// How long a shutdown waits until the marks for Web Push are stored.
pub(crate) const PUSH_END_MAX: Duration = Duration::from_secs(1);
/// How long accounts that got messages are gathered before their subscriptions are looked up.
pub(crate) const PUSH_GATHER: Duration = Duration::from_secs(1);
/// Accounts that got messages, connections that have ended, and connections that were welcomed, that wait for this look-up, of each
/// kind. No push is sent for further ones.
pub(crate) const PUSHES_WAITING_MAX: usize = 16 * 1024;

/// Connections of one account on this node. A further one closes the oldest with 4409.
pub(crate) const CONNECTIONS_PER_ACCOUNT_MAX: usize = 32;
/// The burst of an account, in seconds of its rate.
pub(crate) const RATE_BURST_SECONDS: u32 = 10;
/// Receipts that an account may send, as a multiple of its rate of frames.
pub(crate) const RECEIPTS_PER_MESSAGE: u32 = 10;
/// Bare `ping`s and WebSocket pings that an account may send, as a multiple of its rate of frames. Clients need far
/// fewer.
pub(crate) const PINGS_PER_MESSAGE: u32 = 10;
/// Frames that a connection may send in a burst before its welcome, and as many pings.
pub(crate) const UNKNOWN_FRAMES_MAX: u32 = 20;
/// How many of those come back per second.
pub(crate) const UNKNOWN_FRAMES_PER_SECOND: f64 = 1.0;
/// Hellos of one account over all its connections, in a burst.
pub(crate) const HELLOS_BURST: f64 = 200.0;
/// How many of those come back per second.
pub(crate) const HELLOS_PER_SECOND: f64 = 20.0;
/// The delay of the refusal of a hello that exceeds the limit of its account or its network. Only the connection's
/// thread waits. It slows down a client that repeats its hello in a loop.
pub(crate) const HELLO_REFUSAL_HELD: Duration = Duration::from_millis(500);
/// Hellos with wrong tokens from one IPv4 address or /64, in a burst. Further ones are looked up one at a time.
pub(crate) const FAILED_HELLOS_BURST: f64 = 20.0;
/// How many of those come back per second.
pub(crate) const FAILED_HELLOS_PER_SECOND: f64 = 1.0;
/// Disconnected accounts whose rate limits are remembered.
pub(crate) const ACCOUNTS_REMEMBERED_MAX: usize = 16 * 1024;
/// Strikes of a connection, in a burst: frames that were refused with `rate_limited`. With more it is closed with 4429.
pub(crate) const STRIKES_MAX: u32 = 20;
/// How many of those are forgiven per second.
pub(crate) const STRIKES_PER_SECOND: f64 = 1.0;

/// Additions of one account to groups by one other, in a burst. Each can leave a group in the list of the account that
/// is added.
pub(crate) const ADDITIONS_OF_ONE_BURST: f64 = 100.0;
/// How many of those come back per second: 100 a day.
pub(crate) const ADDITIONS_OF_ONE_PER_SECOND: f64 = 100.0 / 86_400.0;
/// Additions to groups by one account, in a burst: ten full groups.
pub(crate) const ADDITIONS_BURST: f64 = 10_000.0;
/// How many of those come back per second: 10,000 a day.
pub(crate) const ADDITIONS_PER_SECOND: f64 = 10_000.0 / 86_400.0;
/// Reactions of an account, in a burst. Each is a row that no quota counts.
pub(crate) const REACTIONS_BURST: f64 = 10_000.0;
/// How many of those come back per second: 10,000 a day.
pub(crate) const REACTIONS_PER_SECOND: f64 = 10_000.0 / 86_400.0;
/// Cells of a row of the counters of daily limits (each takes 8 bytes, and each table has four rows). What happened
/// during a day is remembered, so it is more than for other rates.
pub(crate) const DAILY_LIMITS_WIDTH: usize = 64 * 1024;

/// Operations in the committer's queue.
pub(crate) const QUEUE_OPERATIONS_MAX: usize = 16 * 1024;
/// Bytes of content in the committer's queue.
pub(crate) const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a connection waits for room in that queue, in total for all frames of a tick, before the answer is
/// `unavailable`.
pub(crate) const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Operations in one commit, besides receipts without a `ref`.
pub(crate) const BATCH_OPERATIONS_MAX: usize = 2048;
/// How long a receipt without a `ref` waits to be committed together with others. No client waits for its answer.
pub(crate) const RECEIPT_WAIT_MAX: Duration = Duration::from_millis(50);
/// How long such a receipt waits while there are always other operations to commit. Then it is committed with them.
pub(crate) const RECEIPT_WAIT_BUSY: Duration = Duration::from_millis(250);
/// Receipts without a `ref` in one commit. A commit with a disconnection takes all of them.
pub(crate) const RECEIPTS_WAITING_MAX: usize = 2048;
/// Receipts without a `ref` that are committed together with other operations; or as many as there are other
/// operations, if these are more. The rest waits for the next commits.
pub(crate) const RECEIPTS_BESIDE_MIN: usize = 32;
/// Commits in the dispatcher's inbox, besides the one that is being delivered. With more the committer waits.
pub(crate) const COMMITS_WAITING_MAX: usize = 1;
/// Accounts in the dispatcher's inbox whose logs have grown by other commits than this node's. With more the source of
/// these hints waits.
pub(crate) const HEADS_WAITING_MAX: usize = 16 * 1024;
/// The interval at which a node reads what other nodes have committed.
pub(crate) const CLUSTER_LOOK: Duration = Duration::from_millis(200);
/// The same while a bus is connected, over which the hints arrive sooner.
pub(crate) const CLUSTER_LOOK_BESIDE_BUS: Duration = Duration::from_millis(800);
/// How long connecting to a server of the bus may take.
pub(crate) const BUS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server of the bus may take to deliver a message to its own sender, connecting included.
pub(crate) const BUS_TRIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first connection to the bus may take before the log says that it is missing.
pub(crate) const BUS_FIRST_WAIT: Duration = Duration::from_secs(3);
/// The interval of pings to the bus. After two missing answers the connection is lost.
pub(crate) const BUS_PING_INTERVAL: Duration = Duration::from_secs(2);
/// The longest pause between two tries to connect to the bus.
pub(crate) const BUS_RECONNECT_MAX: Duration = Duration::from_secs(1);
/// Messages from the bus that wait to be handled. Further ones are dropped.
pub(crate) const BUS_WAITING_MAX: usize = 4096;
/// How often the subscriptions of disconnected accounts are dropped.
pub(crate) const BUS_TIDY_INTERVAL: Duration = Duration::from_secs(60);
/// The least pause between two reads of notices, even if connections begin and end.
pub(crate) const CLUSTER_PAUSE: Duration = Duration::from_millis(50);
/// Logs whose heads are read in one statement when those of all connected accounts are compared.
pub(crate) const HEADS_PAGE: usize = 2048;
/// Logs whose gaps are read in one statement.
pub(crate) const BACKFILL_LOGS_MAX: usize = 128;
/// The pause before gaps are read again while the database does not answer.
pub(crate) const BACKFILL_PAUSE: Duration = Duration::from_millis(250);
/// Bytes of events and answers of one account that wait until a gap in its log is filled. With more its connections are
/// closed with 1001, and resume from the log.
pub(crate) const DEFERRED_BYTES_MAX: usize = OUTBOX_BYTES_MAX;
/// Events and answers of one account that wait until a gap in its log is filled.
pub(crate) const DEFERRED_MAX: usize = OUTBOX_FRAMES_MAX;
/// Live notifications (typing, presence) in the dispatcher's inbox. With more, typing is dropped, and changes of
/// presence wait.
pub(crate) const LIVE_WAITING_MAX: usize = 1024;
/// Operations in one commit that may write or look at a thousand rows each.
pub(crate) const BATCH_LARGE_OPERATIONS_MAX: usize = 32;
/// Operations of one account in one commit. Further ones wait for the next commits.
pub(crate) const BATCH_ACCOUNT_OPERATIONS_MAX: usize = 128;
/// Bytes of content of one account in one commit, unless its first operation alone has more.
pub(crate) const BATCH_ACCOUNT_BYTES_MAX: usize = 256 * 1024;
/// Files of posts of one account in one commit. For each of them the account's conversations are searched.
pub(crate) const BATCH_ACCOUNT_FILES_MAX: usize = 20;
/// Operations of one account in one commit that may write or look at a thousand rows each.
pub(crate) const BATCH_ACCOUNT_LARGE_OPERATIONS_MAX: usize = 8;
/// Accounts whose logs are read in one statement after a commit that the database did not confirm.
pub(crate) const DOUBT_CHUNK: usize = 500;

/// Bytes of JSON of one page of messages or conversations. The item that exceeds it is the last one. The database is
/// asked for the same number of bytes of text, which never have fewer bytes as JSON.
pub(crate) const PAGE_BYTES: usize = sql::PAGE_BYTES;
/// Messages whose reactions are read at one time.
pub(crate) const REACTIONS_CHUNK: usize = 50;
/// Long answers of one account that are generated at the same time, over all its connections.
pub(crate) const ANSWERS_PER_ACCOUNT: usize = 4;
/// Bytes that wait in the outboxes of an account's connections, above which no further long answer is generated for it.
pub(crate) const ANSWER_BYTES_PER_ACCOUNT: usize = 4 * 1024 * 1024;
/// How long a request for a long answer waits for the account's other long answers before it is refused.
pub(crate) const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3);
/// Live frames (typing) of one account, in a burst. Further ones are dropped.
pub(crate) const LIVE_BURST: f64 = 5.0;
/// How many of those come back per second.
pub(crate) const LIVE_PER_SECOND: f64 = 1.0;
/// Least time between two changes of one account's presence that are sent. The later one has the state at that time.
pub(crate) const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
/// The interval between two sweeps.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The interval at which interrupted deletions of accounts are looked for.
pub(crate) const ERASE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How often ended sessions are looked for. Their sockets must close within 1 s.
pub(crate) const REVOCATION_POLL: Duration = Duration::from_millis(250);
/// How often the use of a session with an open socket is recorded.
pub(crate) const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);

// A session with an open socket counts as used without a gap, even if its use is recorded late.
const _: () = assert!(2 * SEEN_EVERY.as_millis() < SESSION_USE_MS as u128);
// One frame always fits an empty outbox, even if each byte of its content is escaped as six.
const _: () =
    assert!(6 * CONTENT_BYTES_MAX + FRAME_BYTES_MAX + REPLAY_LOW_BYTES < OUTBOX_BYTES_MAX);
// So does what a tick appends at once, with its last message.
const _: () =
    assert!(RELAY_BATCH_BYTES + 6 * CONTENT_BYTES_MAX + FRAME_BYTES_MAX < OUTBOX_BYTES_MAX);
// A page, its longest last item with all its reactions, and what waits already fit an outbox.
const _: () = assert!(
    PAGE_BYTES
        + 6 * (CONTENT_BYTES_MAX + REACTIONS_LISTED_MAX * 2 * EMOJI_BYTES_MAX)
        + REPLAY_LOW_BYTES
        < OUTBOX_BYTES_MAX
);
// Half-open sockets are found within 60 s.
const _: () = assert!(2 * PING_INTERVAL.as_secs() < 60);
