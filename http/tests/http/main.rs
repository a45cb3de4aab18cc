//! Servers over real sockets: what it serves, and the attacks that it withstands.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

mod server;

mod attack;
mod body;
mod crowd;
mod ending;
mod keep_alive;
mod ops;
mod serving;
mod unix;
