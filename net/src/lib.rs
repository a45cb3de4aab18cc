//! The network edge: accepting connections, bounds on them, addresses of clients, and stopping. It knows no HTTP, no account and no
//! message.
//!
//! A [`Listener`] accepts a socket under a [`Permit`] and passes it as a [`Connection`] to its [`Protocol`], on a thread
//! of its own. The address of a client behind a trusted proxy comes from a PROXY header, which this crate reads, or from an
//! HTTP header, which the crate `http` reads. Everything that a client can make grow, wait or repeat has its bound in
//! [`limit`].
//!
//! Also here: signals ([`shutdown`]), rates ([`bucket`]), the settings as data ([`settings`]), and flags that exit
//! ([`exit_flags`]).
//!
//! Locks: one in [`permits`], one in [`shutdown`], one in [`bucket`]; none is held over I/O or over another.

pub mod address;
mod bind;
pub mod bucket;
pub mod capacity;
mod config;
mod connection;
pub mod deadline;
pub mod endpoint;
pub mod exit_flags;
pub mod exposed;
pub mod host;
pub mod limit;
mod linger;
pub mod listen;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod nofile;
pub mod permits;
pub mod probe;
pub mod proxy;
mod proxy_protocol;
pub mod settings;
pub mod shutdown;
mod unix_socket;
mod warnings;

pub use config::ListenerConfig;
pub use connection::{Connection, ListenerShared, Protocol};
pub use endpoint::Endpoint;
pub use listen::Listen;
pub use listener::{Listener, Serving};
pub use permits::Permit;
pub use proxy::TrustedProxy;
pub use shutdown::Shutdown;
