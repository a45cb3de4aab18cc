//! Every bound of the chat server, with its unit.

use std::time::Duration;

use wire::limit::{
    CONTENT_BYTES_MAX, EMOJI_BYTES_MAX, FRAME_BYTES_MAX, REACTIONS_LISTED_MAX, SESSION_USE_MS,
};

/// Bytes that a connection sets aside to be read into while it sleeps. Most messages are far smaller.
pub(crate) const READ_BYTES: usize = 512;
/// Bytes read at once from a socket that has filled [`READ_BYTES`], until a tick is quiet again.
pub(crate) const BURST_BYTES: usize = 16 * 1024;
/// Bytes that tungstenite sets aside, and takes at once, of the frames that it reads; a longer one gets room of its own.
pub(crate) const FRAME_BYTES_FIRST: usize = 128;
/// Fragments of one message before its last one; with more it is closed with 1009.
pub(crate) const FRAGMENTS_MAX: usize = 1024;
/// Frames that one connection may have handled before its outgoing side gets a tick.
pub(crate) const FRAMES_PER_TICK_MAX: usize = 256;

/// Bytes of a tick's messages that are appended at once to a guest's outbox; the message that passes it is the last one.
pub(crate) const RELAY_BATCH_BYTES: usize = 64 * 1024;

/// Bytes set aside when a second frame joins the first: where there are two there are mostly many.
pub(crate) const FRAMES_BYTES_NEXT: usize = 8 * 1024;

/// Bytes that may wait for one reader. Past it the reader is closed with 4409.
pub(crate) const OUTBOX_BYTES_MAX: usize = 1024 * 1024;
/// Frames that may wait for one reader.
pub(crate) const OUTBOX_FRAMES_MAX: usize = 16 * 1024;
/// Bytes of a frame already begun that are kept for a reader closed with 4409, so that it still hears why; if there are more
/// its socket just ends.
pub(crate) const BEGUN_BYTES_MAX: usize = 64 * 1024;
/// While a log is replayed the next events are fetched only when fewer bytes than this wait.
pub(crate) const REPLAY_LOW_BYTES: usize = 128 * 1024;
/// Events fetched at once in a replay.
pub(crate) const REPLAY_PAGE: usize = 128;
/// How long a reader for whom something waits may take nothing at all before it is closed with 4409.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(30);
/// How long the close frame of a slow reader is kept for it.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(30);
/// How often the drainer looks for readers whose grace is over.
pub(crate) const DRAINER_SWEEP: Duration = Duration::from_secs(5);

/// From the handshake to a valid hello; then 4408.
pub(crate) const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// A connection that says nothing for so long is sent a WebSocket ping; if it says nothing for as long again it is gone.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long a close frame may wait for the committer to settle what the client has sent before: as long as a shutdown waits.
pub(crate) const QUEUED_CLOSE_MAX: Duration = SESSIONS_END_MAX.saturating_add(COMMITTER_END_MAX);
/// How long the client has, from then on, to take our close frame and answer it.
pub(crate) const CLOSE_LINGER: Duration = Duration::from_secs(2);
/// After the shutdown has begun: for the sessions to end, and then for the committer; the rest is for close frames.
pub(crate) const SESSIONS_END_MAX: Duration = Duration::from_secs(4);
/// For the committer to finish its queue.
pub(crate) const COMMITTER_END_MAX: Duration = Duration::from_secs(3);
/// For the node to take its leave of the others.
pub(crate) const NODE_END_MAX: Duration = Duration::from_secs(1);

/// Connections that one account may have on this node; one more closes its oldest with 4409.
pub(crate) const CONNECTIONS_PER_ACCOUNT_MAX: usize = 32;
/// Seconds' worth of frames that an account may save up.
pub(crate) const RATE_BURST_SECONDS: u32 = 10;
/// Receipts that an account may send for each frame that it may send.
pub(crate) const RECEIPTS_PER_MESSAGE: u32 = 10;
/// Bare `ping`s and WebSocket pings that an account may send for each frame that it may send: far more than a client needs.
pub(crate) const PINGS_PER_MESSAGE: u32 = 10;
/// Frames that a connection may send at once before it is welcomed; likewise pings.
pub(crate) const UNKNOWN_FRAMES_MAX: u32 = 20;
/// How many of those come back a second.
pub(crate) const UNKNOWN_FRAMES_PER_SECOND: f64 = 1.0;
/// Hellos that an account may say at once, over all its connections.
pub(crate) const HELLOS_BURST: f64 = 200.0;
/// How many of those come back a second.
pub(crate) const HELLOS_PER_SECOND: f64 = 20.0;
/// How long the refusal of a hello is held back, by the connection's thread alone, if it was one too many of its account or
/// its network: a loop of hellos then takes little.
pub(crate) const HELLO_REFUSAL_HELD: Duration = Duration::from_millis(500);
/// Hellos with wrong tokens that may come from one IPv4 address or /64 at once; further ones are looked up one at a time.
pub(crate) const FAILED_HELLOS_BURST: f64 = 20.0;
/// How many of those come back a second.
pub(crate) const FAILED_HELLOS_PER_SECOND: f64 = 1.0;
/// Accounts that have left whose use of their rate is remembered.
pub(crate) const ACCOUNTS_REMEMBERED_MAX: usize = 16 * 1024;
/// Frames refused for coming too fast that a connection is forgiven at once; past it the writer is closed with 4429.
pub(crate) const STRIKES_MAX: u32 = 20;
/// How many of those are forgiven a second.
pub(crate) const STRIKES_PER_SECOND: f64 = 1.0;

/// Operations that may wait for the committer.
pub(crate) const QUEUE_OPERATIONS_MAX: usize = 16 * 1024;
/// Bytes of content that may wait for the committer.
pub(crate) const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a connection waits for room in that queue, once for all frames of a tick, before it is answered `unavailable`.
pub(crate) const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Operations in one commit, besides receipts that wait for others.
pub(crate) const BATCH_OPERATIONS_MAX: usize = 2048;
/// How long a receipt may wait to be committed together with others, if it has no `ref` and so nobody waits for an answer.
pub(crate) const RECEIPT_WAIT_MAX: Duration = Duration::from_millis(50);
/// How long it lets others go first while there always are some; from then on it goes with them, in its turn.
pub(crate) const RECEIPT_WAIT_BUSY: Duration = Duration::from_millis(250);
/// Receipts that one commit takes from those that wait for each other. A commit with a disconnection takes all.
pub(crate) const RECEIPTS_WAITING_MAX: usize = 2048;
/// Receipts that are committed beside operations whose answers are waited for, or as many as there are such operations; the
/// rest comes in the next commits.
pub(crate) const RECEIPTS_BESIDE_MIN: usize = 32;
/// Commits that wait to be delivered, besides the one that is being delivered; then the committer waits.
pub(crate) const COMMITS_WAITING_MAX: usize = 1;
/// Accounts whose logs have grown by other commits than this node's, that wait to be looked at; then the source of the hints
/// waits.
pub(crate) const HEADS_WAITING_MAX: usize = 16 * 1024;
/// Between two looks at what other nodes have committed.
pub(crate) const CLUSTER_LOOK: Duration = Duration::from_millis(200);
/// The same while a bus brings it.
pub(crate) const CLUSTER_LOOK_BESIDE_BUS: Duration = Duration::from_millis(800);
/// How long connecting to a server of the bus may take.
pub(crate) const BUS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the bus may take to come after the start before the log says that it is away.
pub(crate) const BUS_FIRST_WAIT: Duration = Duration::from_secs(3);
/// How often the bus is asked whether it is there; after two answers that do not come it is away.
pub(crate) const BUS_PING_INTERVAL: Duration = Duration::from_secs(2);
/// The longest pause between two tries to connect to it.
pub(crate) const BUS_RECONNECT_MAX: Duration = Duration::from_secs(1);
/// Messages from the bus that wait to be looked at; further ones are dropped.
pub(crate) const BUS_WAITING_MAX: usize = 4096;
/// How often subscriptions of accounts that have left are given up.
pub(crate) const BUS_TIDY_INTERVAL: Duration = Duration::from_secs(60);
/// The shortest pause between two looks, also if connections come and go.
pub(crate) const CLUSTER_PAUSE: Duration = Duration::from_millis(50);
/// Logs whose heads are read in one statement when all that have a connection here are compared.
pub(crate) const HEADS_PAGE: usize = 2048;
/// Logs whose gaps are read in one statement.
pub(crate) const BACKFILL_LOGS_MAX: usize = 128;
/// The pause before gaps are read again while the database does not answer.
pub(crate) const BACKFILL_PAUSE: Duration = Duration::from_millis(250);
/// Bytes of events and answers of one account that wait for a gap in its log to be filled; past it its connections are closed
/// with 1001, and resume from the log.
pub(crate) const DEFERRED_BYTES_MAX: usize = OUTBOX_BYTES_MAX;
/// Events and answers of one account that wait for that.
pub(crate) const DEFERRED_MAX: usize = OUTBOX_FRAMES_MAX;
/// Live notifications (typing, presence) that wait to be delivered; then typing is dropped, and a connection that comes or
/// goes waits.
pub(crate) const LIVE_WAITING_MAX: usize = 1024;
/// Operations in one commit that may be events in a group's thousand logs.
pub(crate) const BATCH_GROUP_OPERATIONS_MAX: usize = 32;
/// Operations of one account in one commit; its further ones wait for the next commits.
pub(crate) const BATCH_ACCOUNT_OPERATIONS_MAX: usize = 128;
/// Bytes of content of one account in one commit, unless its first operation alone has more.
pub(crate) const BATCH_ACCOUNT_BYTES_MAX: usize = 256 * 1024;
/// Operations of one account in one commit that may be events in a group's thousand logs.
pub(crate) const BATCH_ACCOUNT_GROUP_OPERATIONS_MAX: usize = 8;
/// Accounts whose logs are looked at together after a commit that the database did not confirm.
pub(crate) const DOUBT_CHUNK: usize = 500;

/// Bytes of JSON in one page of messages or conversations; the item that passes it is the last one. The database is asked for no
/// more bytes of text, which are never more than those of JSON.
pub(crate) const PAGE_BYTES: usize = sql::PAGE_BYTES;
/// Messages whose reactions are read at one time.
pub(crate) const REACTIONS_CHUNK: usize = 50;
/// Long answers that are made at one time for one account, on all its connections together.
pub(crate) const ANSWERS_PER_ACCOUNT: usize = 4;
/// Bytes that may wait on all connections of an account together before no further long answer is made for it.
pub(crate) const ANSWER_BYTES_PER_ACCOUNT: usize = 4 * 1024 * 1024;
/// How long a long answer waits for others of its account, made or not yet taken, before it is refused.
pub(crate) const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether they have been taken, and whether the connection is to end.
pub(crate) const ANSWER_LOOK: Duration = Duration::from_millis(50);
/// Live-only frames (typing) that an account may send at once; further ones are dropped.
pub(crate) const LIVE_BURST: f64 = 5.0;
/// How many of those come back a second.
pub(crate) const LIVE_PER_SECOND: f64 = 1.0;
/// The shortest time between two changes of one account's presence that are told; the later one is the state by then.
pub(crate) const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two sweeps.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks for what an interrupted deletion of an account has left.
pub(crate) const ERASE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How often ended sessions are looked for; their sockets close within 1 s.
pub(crate) const REVOCATION_POLL: Duration = Duration::from_millis(250);
/// How often it is written down that a session has an open socket.
pub(crate) const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);

// A session with an open socket counts as in use without a gap, also if the note of it comes late.
const _: () = assert!(2 * SEEN_EVERY.as_millis() < SESSION_USE_MS as u128);
// One frame always fits an empty outbox, also when each byte of its content is escaped as six.
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
