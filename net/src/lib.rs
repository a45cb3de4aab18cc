//! The network edge. It knows no account and no message.
//!
//! A [`listener::Listener`] accepts a socket under a [`permits::Permit`], reads a [`head::Head`] under a deadline and
//! passes both to a server as a [`request::Request`], on a thread of its own, unless the rules for web pages ([`web`])
//! refuse the request. The server reads a body, answers with a [`reply::Reply`], forwards the request ([`relay`]), or
//! keeps the socket. Everything that a stranger can make grow, wait or repeat has its bound in [`limit`].
//!
//! Also here: signals ([`shutdown`]), rates ([`bucket`]), settings ([`args`], [`settings`]), flags that exit
//! ([`exit_flags`]), and the operators' listener ([`ops`]).
//!
//! Locks: one in [`permits`], one in [`shutdown`], one in [`bucket`]; none is held over I/O or over another.

pub mod address;
pub mod args;
mod bind;
pub mod bucket;
pub mod capacity;
mod connection;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod exit_flags;
mod exposed;
pub mod head;
pub mod host;
pub mod limit;
mod linger;
pub mod listen;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod nofile;
pub mod opening;
pub mod ops;
pub mod origin;
pub mod permits;
pub mod private_socket;
pub mod probe;
pub mod proxy;
pub mod relay;
pub mod reply;
pub mod request;
pub mod settings;
pub mod shutdown;
mod unix_socket;
mod warnings;
pub mod web;

pub use endpoint::Endpoint;
pub use error::HttpError;
pub use head::Head;
pub use listen::Listen;
pub use listener::{Listener, ListenerConfig, Serving};
pub use opening::Opening;
pub use permits::Permit;
pub use private_socket::PrivateSocket;
pub use proxy::TrustedProxy;
pub use reply::Reply;
pub use request::Request;
pub use shutdown::Shutdown;
