//! The constants of the model. Change them here, and run the program again.
//!
//! What was measured names its place: a section of docs/PERFORMANCE.md, or docs/SCALING.md. What was assumed says so.

/// A number, and where it is from.
#[derive(Clone, Copy)]
pub(crate) struct Constant {
    pub(crate) value: f64,
    pub(crate) what: &'static str,
    pub(crate) source: &'static str,
}

const fn constant(value: f64, what: &'static str, source: &'static str) -> Constant {
    Constant { value, what, source }
}

// Measured.

pub(crate) const CONNECTION_BYTES: Constant = constant(
    39_560.0 + 4_096.0,
    "bytes of memory of an idle connection with an account, the kernel's included",
    "PERFORMANCE, Guest mode: 39,560 with 19,000 connections; Where the limits are: one page more with an account",
);
pub(crate) const NODE_CONNECTIONS: Constant = constant(
    19_000.0,
    "connections of one process",
    "PERFORMANCE, Guest mode: the most that were measured, not a limit",
);
pub(crate) const NODE_SECONDS_PER_MESSAGE: Constant = constant(
    22e-6,
    "seconds of a node's CPU for each message that is sent",
    "PERFORMANCE, With accounts: two cores at 17,054 messages/s, less PostgreSQL's share; the load generator is in it",
);
pub(crate) const NODE_SECONDS_PER_DELIVERY: Constant = constant(
    9.6e-6,
    "seconds of a node's CPU for each receiver of a message",
    "PERFORMANCE, With accounts: a group of 1,000, 1 in flight, 33.4 less 23.8 for storing",
);
pub(crate) const DATABASE_SECONDS_PER_MESSAGE: Constant = constant(
    95e-6,
    "seconds of PostgreSQL's CPU for a message between two people, with its receipt",
    "PERFORMANCE, Where the limits are: 19 ms for a commit of 200",
);
pub(crate) const DATABASE_SECONDS_PER_GROUP_DELIVERY: Constant = constant(
    23.8e-6,
    "seconds of CPU for storing, for each receiver of a message in a group",
    "PERFORMANCE, With accounts: a group of 1,000, 1 in flight",
);
pub(crate) const HELLO_SECONDS: Constant = constant(
    0.30e-3,
    "seconds of CPU for a client that comes back with its token",
    "PERFORMANCE, With accounts: 3,000 clients reconnect at once",
);
pub(crate) const LOGIN_SECONDS: Constant = constant(
    2.0 / 42.8,
    "seconds of CPU for a login by password",
    "PERFORMANCE, With accounts: 42.8 logins/s on two cores",
);
pub(crate) const STORED_BYTES_PER_MESSAGE: Constant = constant(
    819.0,
    "bytes of PostgreSQL's disk for a message of 100 bytes between two people, its events and indexes included",
    "SCALING, Bytes of a message",
);
pub(crate) const LOGGED_BYTES_PER_MESSAGE: Constant = constant(
    2_926.0,
    "bytes of PostgreSQL's write-ahead log for the same",
    "SCALING, Bytes of a message",
);

// Set in the programs.

pub(crate) const DATABASE_CONNECTIONS: Constant = constant(
    13.0,
    "connections of a process to PostgreSQL, at the most",
    "sql/src/limit.rs, POSTGRES_CONNECTIONS",
);
pub(crate) const NOTICES_READ_EVERY: Constant = constant(
    0.8,
    "seconds between two reads of the notices of all other nodes, with NATS",
    "chat/src/limit.rs, CLUSTER_LOOK_BESIDE_BUS",
);

// Assumed.

const ASSUMED: &str = "assumed";
pub(crate) const MESSAGES_PER_DAY: Constant =
    constant(40.0, "messages that a person sends in a day", ASSUMED);
pub(crate) const SHARE_IN_GROUPS: Constant =
    constant(0.2, "share of the messages that go to a group", ASSUMED);
pub(crate) const GROUP_RECEIVERS: Constant =
    constant(6.0, "receivers of a message in a group", ASSUMED);
pub(crate) const PEAK: Constant =
    constant(3.0, "messages in the busiest second, as a multiple of the mean", ASSUMED);
pub(crate) const SHARE_ONLINE: Constant =
    constant(0.25, "share of all people that is online in the busiest second", ASSUMED);
pub(crate) const DEVICES: Constant =
    constant(1.2, "connections of a person who is online", ASSUMED);
pub(crate) const RETURNS_PER_HOUR: Constant =
    constant(2.0, "times an hour that a connection drops and comes back", ASSUMED);
pub(crate) const LOGINS_PER_DAY: Constant =
    constant(0.05, "logins by password of a person in a day", ASSUMED);
pub(crate) const USED: Constant =
    constant(0.5, "share of a machine's cores and memory that is used at the peak", ASSUMED);
pub(crate) const NODE_CORES: Constant = constant(8.0, "cores of a node's machine", ASSUMED);
pub(crate) const NODE_BYTES: Constant =
    constant(32e9, "bytes of memory of a node's machine", ASSUMED);
pub(crate) const DATABASE_CORES: Constant =
    constant(32.0, "cores of PostgreSQL's machine", ASSUMED);

pub(crate) const ALL: [Constant; 24] = [
    CONNECTION_BYTES,
    NODE_CONNECTIONS,
    NODE_SECONDS_PER_MESSAGE,
    NODE_SECONDS_PER_DELIVERY,
    DATABASE_SECONDS_PER_MESSAGE,
    DATABASE_SECONDS_PER_GROUP_DELIVERY,
    HELLO_SECONDS,
    LOGIN_SECONDS,
    STORED_BYTES_PER_MESSAGE,
    LOGGED_BYTES_PER_MESSAGE,
    DATABASE_CONNECTIONS,
    NOTICES_READ_EVERY,
    MESSAGES_PER_DAY,
    SHARE_IN_GROUPS,
    GROUP_RECEIVERS,
    PEAK,
    SHARE_ONLINE,
    DEVICES,
    RETURNS_PER_HOUR,
    LOGINS_PER_DAY,
    USED,
    NODE_CORES,
    NODE_BYTES,
    DATABASE_CORES,
];
