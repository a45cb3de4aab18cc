//! What stands between the machine and a server. It knows no account and no message.
//!
//! A [`listener::Listener`] accepts a socket under a [`permits::Permit`], reads a
//! [`head::Head`] under a deadline and hands both to a server as a [`caller::Caller`], on a
//! thread of its own, unless what web pages may do ([`web`]) speaks against it. The server reads a body, answers with a [`reply::Reply`], passes the request
//! on ([`relay`]), or keeps the socket. Everything that a stranger can make grow, wait or repeat
//! has its bound in [`limit`].
//!
//! Besides, what every program needs once: signals ([`shutdown`]), logs ([`log`]), metrics
//! ([`metrics`], [`ops`]), rates ([`bucket`]), settings ([`args`], [`settings`]), what a
//! program does in place of serving ([`exit_flags`]), word to systemd ([`notify`]).
//!
//! Locks: one in [`permits`], one in [`shutdown`], one in [`bucket`], one in [`web`]; none is held over I/O or over
//! another.

pub mod address;
pub mod args;
mod attend;
mod bind;
pub mod bucket;
pub mod caller;
pub mod capacity;
pub mod deadline;
pub mod endpoint;
pub mod exit_flags;
mod exposed;
mod farewell;
pub mod head;
pub mod health;
pub mod host;
pub mod limit;
pub mod listen;
pub mod listener;
mod lock;
pub mod log;
pub mod metrics;
pub mod network;
pub mod nofile;
mod notice;
pub mod notify;
pub mod opening;
pub mod ops;
pub mod origin;
pub mod permits;
pub mod private_socket;
pub mod proxy;
pub mod refusal;
pub mod relay;
pub mod reply;
mod seldom;
pub mod settings;
pub mod shutdown;
pub mod thread;
mod unix_socket;
pub mod web;

pub use caller::Caller;
pub use endpoint::Endpoint;
pub use head::Head;
pub use listen::Listen;
pub use listener::{Config, Listener, Serving};
pub use opening::Opening;
pub use permits::Permit;
pub use private_socket::PrivateSocket;
pub use proxy::TrustedProxy;
pub use refusal::Refusal;
pub use reply::Reply;
pub use shutdown::Shutdown;
