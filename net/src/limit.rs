//! Every bound of this crate, with its unit.

use std::time::Duration;

/// How long a connection is kept open after the last bytes were sent, so that they arrive (lingering close).
pub const LINGER: Duration = Duration::from_secs(2);

/// The pause after an error of accept(2). The usual error is that no descriptor is free, which takes time to pass.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Least time between two warnings about errors of accept(2).
pub const ACCEPT_WARN_INTERVAL: Duration = Duration::from_secs(1);
/// Connections that the kernel completes ahead of accept(2). The standard library's 128 loses connections when all clients
/// reconnect. The kernel lowers it to `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4096;
/// Connections at a time from one address (IPv6: one /64) by default.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Evicted connections whose threads have not noticed it yet. They come on top of `connections_max`.
pub const LEAVING_MAX: usize = 64;
/// Pending connections that are evicted at a time when descriptors have run out.
pub const EVICTED_AT_ONCE: usize = 32;
/// Refused sockets that are kept open for [`LINGER`], so that the refusal arrives.
pub const LINGERING_MAX: usize = 32;

/// Stack of a connection's thread. 16 KiB of it are the buffer of a relay.
pub const SESSION_STACK_BYTES: usize = 256 * 1024;

/// From the signal to stop until the remaining connections are given up. The contract allows 10 s.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(8);
/// From the signal to stop until the process ends, even if something hangs. The contract allows 10 s.
pub const END_DEADLINE: Duration = Duration::from_millis(9500);
/// From the signal to stop until pending connections are evicted.
pub const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Descriptors reserved for files, databases, listeners, and lingering and evicted connections.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// Threads reserved for everything except connections.
pub const TASKS_RESERVED: u64 = 256;
/// Memory maps of a connection's thread: its stack and the guard below it.
pub const MAPS_PER_SESSION: u64 = 2;
/// Memory maps of a thread of the standard library: stack and signal stack, each with its guard (measured: 4.03).
pub const MAPS_PER_THREAD: u64 = 4;
/// Memory maps reserved for everything except the threads of connections.
pub const MAPS_RESERVED: u64 = 4096;

/// The factor between the limits of a /56 and those of a /64, and between those of a /48 and of a /56.
pub const NETWORK_LEVEL_FACTOR: f64 = 2.0;
/// Cells of a row of the counters by network (each takes 8 bytes, and each table has four rows).
pub const NETWORK_BUCKETS_WIDTH: usize = 16 * 1024;

/// From accept to the end of a PROXY header.
pub const PROXY_HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a PROXY header of version 1, from its specification.
pub const PROXY_V1_BYTES_MAX: usize = 107;
/// Bytes of a PROXY header of version 2 with its extensions.
pub const PROXY_V2_BYTES_MAX: usize = 1024;
/// Least time between two warnings about peers whose `X-Forwarded-For` is ignored, and between two about addresses that have
/// used up their connections.
pub const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// How long `--health` takes at most, for all servers together. Container engines allow 5 s.
pub const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// How many ports are tried to find one that is free at all addresses of a name.
pub const PORT_TRIES_MAX: u32 = 16;

/// Bytes of a Unix socket's path, from `sun_path` less its closing NUL.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

const _: () = assert!(DRAIN_GRACE.as_secs() < DRAIN_DEADLINE.as_secs());
const _: () = assert!(DRAIN_DEADLINE.as_millis() < END_DEADLINE.as_millis());
const _: () = assert!(END_DEADLINE.as_secs() < 10, "the contract: exit within 10 s");
const _: () = assert!((LEAVING_MAX + LINGERING_MAX) as u64 <= DESCRIPTORS_RESERVED / 2);
const _: () = assert!(LEAVING_MAX as u64 <= TASKS_RESERVED / 2);
