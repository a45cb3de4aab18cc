//! Every bound of this server, with its unit. The only place with numbers.

use std::time::Duration;

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters of what a device calls itself.
pub const DEVICE_CHARS_MAX: usize = 100;
/// Bytes of a password.
pub const PASSWORD_BYTES_MIN: usize = 6;
/// Bytes of a password; more would only cost time to read.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// KiB of memory that one hash works in (OWASP's second choice for Argon2id).
pub const HASH_MEMORY_KIB: u32 = 19_456;
/// How long after its last hash a thread that hashes keeps that memory.
pub const HASH_MEMORY_KEPT: Duration = Duration::from_secs(1);
/// Passes over that memory.
pub const HASH_PASSES: u32 = 2;
/// Bytes of a hash.
pub const HASH_BYTES: u32 = 32;
/// Random bytes that make each hash different.
pub const SALT_BYTES: usize = 16;
/// Requests that wait for a core to hash on; for a further one, the newest of the party with most is sent away.
pub const HASH_WAITING_MAX: usize = 128;
/// Of these, requests of one party: strangers at one network (IPv4: an address, IPv6: a /48), or one account that is known.
pub const HASH_WAITING_PER_KEY: usize = 32;
/// How many turns a party is remembered after it was served.
pub const HASH_KEYS_KEPT_TURNS: u64 = 256;
/// How long one of them waits.
pub const HASH_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a session lives without being used.
pub const SESSION_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// A use is written down if the last one was longer ago than this.
pub const TOUCH_INTERVAL_MS: i64 = 60 * 60 * 1000;
/// Between two sweeps of what has expired.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Signups a minute from one address, unless set otherwise.
pub const SIGNUP_RATE: u32 = 10;
/// Wrong passwords of strangers from one IPv4 address, or one /64 of IPv6, at once.
pub const NETWORK_FAILURES: f64 = 50.0;
/// How many of those come back a second.
pub const NETWORK_FAILURES_PER_SECOND: f64 = 0.5;
/// Wrong passwords of strangers for one account at once, from all networks together.
pub const ACCOUNT_FAILURES: f64 = 10.0;
/// How many of those come back a second.
pub const ACCOUNT_FAILURES_PER_SECOND: f64 = 1.0 / 3.0;
/// Wrong passwords at one account of a device, a session or a network that it has logged in from, at once.
pub const KNOWN_FAILURES: f64 = 10.0;
/// How many of those come back a second.
pub const KNOWN_FAILURES_PER_SECOND: f64 = 1.0 / 60.0;
/// Wrong passwords at one account of all its devices, sessions and networks together, at once: of more than its networks
/// have, so that neighbours in all of these do not use it up.
pub const KNOWN_FAILURES_IN_ALL: f64 = 100.0;
/// How many of those come back a second.
pub const KNOWN_FAILURES_IN_ALL_PER_SECOND: f64 = 1.0 / 6.0;
/// Wrong passwords of all strangers together, at once.
pub const STRANGER_FAILURES: f64 = 1000.0;
/// How many of those come back a second.
pub const STRANGER_FAILURES_PER_SECOND: f64 = 20.0;
/// Tries that every IPv4 address and every /48 of IPv6 has at every account, whatever others do; and at all accounts
/// together while those of all strangers are used up.
pub const OWN_TRIES: f64 = 3.0;
/// Further ones of these a second. Slow, since they add up over all the addresses an attacker has.
pub const OWN_TRIES_PER_SECOND: f64 = 1.0 / 60.0;
/// Sets of networks that accounts have been used from.
pub const KNOWN_SETS: usize = 4096;
/// Networks in one of these sets.
pub const KNOWN_SET_MAX: usize = 32;
/// Networks remembered of one account.
pub const KNOWN_NETWORKS_PER_ACCOUNT: usize = 8;
/// Random bytes that tell devices apart.
pub const DEVICE_ID_BYTES: usize = 16;
/// Look-ups of one account at once.
pub const LOOKUPS: f64 = 30.0;
/// Look-ups a second after that.
pub const LOOKUPS_PER_SECOND: f64 = 1.0;
/// Cells of a row of counters (each takes 8 bytes, and each table has four rows).
pub const BUCKETS_WIDTH: usize = 16_384;

/// What `Retry-After` says when the hash queue is full or the database away.
pub const RETRY_AFTER_SECONDS: u64 = 2;
/// Rows of a page of an export; of long messages it has fewer, [`sql::PAGE_BYTES`] of text.
pub const EXPORT_PAGE_ROWS: i64 = 100;
/// After how long an account whose export is being sent may ask whether that has ended.
pub const EXPORT_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Stack of a request's thread.
pub const REQUEST_STACK_BYTES: usize = 512 * 1024;
/// Silence after which the private socket is tried, and after which it counts as dead.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// How long the HTTP library may deliver nothing, also no probe, before the server counts as deaf.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(11);
/// How long the HTTP library may take to answer a probe.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a request may wait until others have opened their connections to the HTTP library.
pub const TURN_DEADLINE: Duration = Duration::from_secs(5);
/// How long a handler may take.
pub const RESPONSE_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes set aside for a response of the HTTP library; most fit.
pub const RESPONSE_BYTES_FIRST: usize = 2 * 1024;
/// Bytes of a response of the HTTP library; longer ones are streamed, and never pass through it.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Connections to the HTTP library that are kept while nobody uses them.
pub const CONNECTIONS_KEPT: usize = 64;
/// The pause before a private socket that could not be made is tried again.
pub const RELISTEN_PAUSE: Duration = Duration::from_millis(200);

const _: () = assert!(KNOWN_FAILURES_IN_ALL > KNOWN_FAILURES * KNOWN_NETWORKS_PER_ACCOUNT as f64);
