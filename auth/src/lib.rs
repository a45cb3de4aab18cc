//! Accounts over HTTP: signup, login, sessions, export.
//!
//! A request passes the door (slot, head, body, each under a deadline and a bound), then a private Unix socket with
//! `tiny_http` behind it, then the one table in `route`, and ends in a file of `verb`: parse, decide, store, reply.
//! The bounds on attackers are in `throttle` (wrong passwords), `password` (how many are hashed at once) and `hash_queue` (which
//! request is next).
//!
//! Only `password` sees what is in a password, and only `token` makes a token; neither type has `Debug`.
//!
//! Locks: one in `password`, one in `throttle` besides those of its buckets; none is held over I/O or over another.

mod args;
mod backend;
mod client;
mod context;
mod cookie;
mod device;
mod device_name;
mod error;
mod exports;
mod hash_queue;
mod json;
pub mod limit;
pub mod metrics;
mod password;
mod request;
mod route;
mod serve;
mod service;
mod throttle;
mod token;
mod verb;
mod worker;

pub use args::{Args, COST, Config, LISTEN_DEFAULT};
pub use error::ErrorCode;
pub use serve::{Serving, serve};
