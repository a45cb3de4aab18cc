//! The metrics of the chat server.

use std::time::Duration;

use telemetry::metrics::{Counter, CounterVec, Gauge, GaugeVec, Histogram, Registry};

/// Connections after their welcome.
pub(crate) static PEOPLE: Gauge =
    Gauge::new("messenger_chat_people", "Connections that have been welcomed.");
/// Frames received.
pub(crate) static FRAMES_IN: Counter =
    Counter::new("messenger_chat_frames_received_total", "Text frames received.");
/// Messages by outcome.
pub(crate) static MESSAGES: CounterVec<6> = CounterVec::new(
    "messenger_chat_messages_total",
    "Messages by outcome.",
    "outcome",
    ["relayed", "stored", "repeated", "refused", "rate_limited", "unavailable"],
);
/// Other nodes.
pub(crate) static OTHER_NODES: Gauge = Gauge::new(
    "messenger_chat_other_nodes",
    "Other chat servers that are known to use the same database.",
);
/// Hints of other nodes.
pub(crate) static REMOTE_HEADS: Counter = Counter::new(
    "messenger_chat_remote_heads_total",
    "Logs that other nodes have grown and that have a connection here.",
);
/// Comparisons of all logs.
pub(crate) static LOOKS_AT_ALL: Counter = Counter::new(
    "messenger_chat_looks_at_all_logs_total",
    "Comparisons of all logs that have a connection here, because something of another node may have been missed.",
);
/// Whether the bus is connected.
pub(crate) static BUS_CONNECTED: Gauge =
    Gauge::new("messenger_chat_bus_connected", "Whether NATS is connected: 1, else 0.");
/// Messages to the bus.
pub(crate) static BUS_SENT: Counter =
    Counter::new("messenger_chat_bus_sent_total", "Messages sent to other nodes over NATS.");
/// Messages from the bus.
pub(crate) static BUS_RECEIVED: Counter = Counter::new(
    "messenger_chat_bus_received_total",
    "Messages of other nodes received over NATS.",
);
/// Messages of the bus that were dropped.
pub(crate) static BUS_DROPPED: Counter = Counter::new(
    "messenger_chat_bus_dropped_total",
    "Messages over NATS that could not be sent or taken in at once, or not be understood; the database has what is in them.",
);
/// Operations per commit.
pub(crate) static BATCH_OPERATIONS: Histogram = Histogram::new(
    "messenger_chat_commit_batch_operations",
    "Messages and acknowledgements in one commit.",
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 128.0, 512.0, 1024.0, 2048.0],
);
/// Duration of a commit.
pub(crate) static COMMIT_SECONDS: Histogram = Histogram::new(
    "messenger_chat_commit_seconds",
    "Time of one commit, from its first statement to the database's word.",
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5],
);
/// Operations that wait for a commit.
pub(crate) static QUEUE: Gauge =
    Gauge::new("messenger_chat_commit_queue_operations", "Operations that wait for a commit.");
/// How long the present commit has been running.
static COMMIT_AGE: GaugeVec<2> = GaugeVec::new(
    "messenger_chat_commit_running_seconds",
    "How long the commit that runs now has been running; 0 if none does.",
    "engine",
    ENGINES,
);
/// The time since the last successful commit.
static SINCE_COMMIT: GaugeVec<2> = GaugeVec::new(
    "messenger_chat_commit_since_good_seconds",
    "Time since the last commit that went well; one is tried every 5 s.",
    "engine",
    ENGINES,
);
/// How far the machine's clock is ahead.
static CLOCK_AHEAD: Gauge = Gauge::new(
    "messenger_chat_clock_ahead_seconds",
    "By how much the machine's clock is ahead of what it should show (less than 0: behind), so that nothing is deleted because of its age; 0 while it is believed.",
);
/// Reads that a replica may answer, by the database that answered.
pub(crate) static REPLICA_READS: CounterVec<4> = CounterVec::new(
    "messenger_chat_replica_reads_total",
    "Histories and searches, by where they were read: in the replica; in the database, because the replica was behind, away or busy.",
    "source",
    sql::ReadSource::WORDS,
);
/// Whether the replica is used.
static REPLICA_UP: Gauge = Gauge::new(
    "messenger_chat_replica_up",
    "Whether the replica answered when it was last asked: 1, else 0; 0 if none is set.",
);
const ENGINES: [&str; 2] = ["sqlite", "postgresql"];
/// Accounts and connections that are not checked for Web Push.
pub(crate) static PUSHES_DROPPED: Counter = Counter::new(
    "messenger_chat_pushes_dropped_total",
    "Accounts and connections that were not checked for Web Push, because too many waited.",
);
/// Subscriptions that were marked.
pub(crate) static PUSHES_MARKED: Counter = Counter::new(
    "messenger_chat_pushes_marked_total",
    "Subscriptions to Web Push that were marked for a push.",
);
/// Connections closed because their clients read too slowly.
pub(crate) static SLOW_READERS: Counter = Counter::new(
    "messenger_chat_slow_readers_total",
    "Connections closed because they read too slowly.",
);
/// Connections whose sockets are full.
pub(crate) static STALLED_READERS: Gauge = Gauge::new(
    "messenger_chat_stalled_readers",
    "Connections whose socket takes no more just now.",
);
/// Closed connections by their close code.
pub(crate) static CLOSES: CounterVec<9> = CounterVec::new(
    "messenger_chat_closes_total",
    "Closes by code.",
    "code",
    ["1001", "1002", "1007", "1009", "1011", "4401", "4408", "4409", "4429"],
);

/// All metrics of the chat server.
pub fn all() -> Registry {
    vec![
        &PEOPLE,
        &FRAMES_IN,
        &MESSAGES,
        &OTHER_NODES,
        &REMOTE_HEADS,
        &LOOKS_AT_ALL,
        &BUS_CONNECTED,
        &BUS_SENT,
        &BUS_RECEIVED,
        &BUS_DROPPED,
        &BATCH_OPERATIONS,
        &COMMIT_SECONDS,
        &COMMIT_AGE,
        &SINCE_COMMIT,
        &CLOCK_AHEAD,
        &REPLICA_READS,
        &REPLICA_UP,
        &QUEUE,
        &PUSHES_DROPPED,
        &PUSHES_MARKED,
        &SLOW_READERS,
        &STALLED_READERS,
        &CLOSES,
    ]
}

/// Updates the metrics of commits.
pub(crate) fn note_storing(store: &sql::Store) {
    let storing = store.storage_status();
    let engine = store.engine();
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    COMMIT_AGE.set(engine, seconds(storing.running));
    SINCE_COMMIT.set(engine, seconds(storing.since_good));
    CLOCK_AHEAD.set(store.clock_doubt() / 1000);
    REPLICA_UP.set(i64::from(store.is_replica_up() == Some(true)));
}
