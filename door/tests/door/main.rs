//! The door over real sockets: what it serves, and every attack it stands.

// clippy.toml allows it in tests, but does not see that helpers here are part of them.
#![allow(clippy::unwrap_used)]

mod house;

mod attack;
mod body;
mod crowd;
mod ending;
mod ops;
mod relaying;
mod serving;
mod unix;
