//! Every bound of this crate, with its unit.

use std::time::Duration;

/// How long a connection is listened to after the last word, so that the word arrives.
pub const LINGER: Duration = Duration::from_secs(2);

/// The pause after an error of accept; the usual one, no free descriptor, needs time to pass.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Between two warnings about accept.
pub const ACCEPT_WARN_INTERVAL: Duration = Duration::from_secs(1);
/// Connections the kernel completes ahead of accept. std's 128 drops requests when all reconnect.
/// The kernel cuts it to `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4096;
/// Connections from one address (IPv6: one /64) unless set otherwise.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Connections turned out of the waiting room whose threads have not noticed yet. They come on top
/// of `connections_max`.
pub const LEAVING_MAX: usize = 64;
/// Connections turned out of the waiting room when descriptors have run out.
pub const EVICTED_AT_ONCE: usize = 32;
/// Sockets that have been told "full" and are kept for [`LINGER`] so that they hear it.
pub const LINGERING_MAX: usize = 32;

/// Stack of a connection's thread. 16 KiB of it are the buffer of a relay.
pub const SESSION_STACK_BYTES: usize = 256 * 1024;

/// From the wish to stop until connections that remain are given up. The contract grants 10 s.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(8);
/// From the wish to stop until the process ends, whatever is stuck. The contract grants 10 s.
pub const END_DEADLINE: Duration = Duration::from_millis(9500);
/// From the wish to stop until who has not finished asking is turned out.
pub const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Descriptors kept for files, databases, listeners, lingering and those who are leaving.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// Threads kept for everything that is not a connection.
pub const TASKS_RESERVED: u64 = 256;
/// Memory maps of a connection's thread: its stack and the guard below it.
pub const MAPS_PER_SESSION: u64 = 2;
/// Memory maps of one of std's threads: stack and signal stack, each with its guard (measured: 4.03).
pub const MAPS_PER_THREAD: u64 = 4;
/// Memory maps kept for everything that is not a connection's thread.
pub const MAPS_RESERVED: u64 = 4096;

/// How much more of everything counted by network a /56 has than a /64, and a /48 than a /56.
pub const NETWORK_LEVEL_FACTOR: f64 = 2.0;
/// Cells of a row of the counters by network (each takes 8 bytes, and each table has four rows).
pub const NETWORK_BUCKETS_WIDTH: usize = 16 * 1024;

/// From accept to the end of a PROXY header.
pub const PROXY_HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a PROXY header of version 1, from its specification.
pub const PROXY_V1_BYTES_MAX: usize = 107;
/// Bytes of a PROXY header of version 2 with its extensions.
pub const PROXY_V2_BYTES_MAX: usize = 1024;
/// Between two warnings about peers whose `X-Forwarded-For` is not believed, and between two about full addresses.
pub const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// How long `--health` takes at most, however many servers it asks; container engines give it 5 s in all.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// Free ports tried until one is free at every address that a name stands for.
pub const PORT_TRIES_MAX: u32 = 16;

/// Bytes of a Unix socket's path, from `sun_path` less its closing NUL.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

const _: () = assert!(DRAIN_GRACE.as_secs() < DRAIN_DEADLINE.as_secs());
const _: () = assert!(DRAIN_DEADLINE.as_millis() < END_DEADLINE.as_millis());
const _: () = assert!(END_DEADLINE.as_secs() < 10, "the contract: exit within 10 s");
const _: () = assert!((LEAVING_MAX + LINGERING_MAX) as u64 <= DESCRIPTORS_RESERVED / 2);
const _: () = assert!(LEAVING_MAX as u64 <= TASKS_RESERVED / 2);
