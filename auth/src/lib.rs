//! Accounts over HTTP: signup, login, sessions, export.
//!
//! A request passes the door (permit, head, body, each under a deadline and a bound), then a private Unix socket with
//! `tiny_http` behind it, then the one table in `route`, and ends in a file of `verb`: parse, decide, store, reply.
//! What slows attackers down is in `throttle` (wrong passwords), `password` (how many are hashed at once) and `line` (who is
//! next).
//!
//! Only `password` sees what is in a password, and only `token` makes a token; neither type has `Debug`.
//!
//! Locks: one in `password`, one in `throttle` besides those of its buckets; none is held over I/O or over another.

mod answer;
mod args;
mod behind;
mod context;
mod device;
mod exports;
pub mod limit;
mod line;
pub mod metrics;
mod password;
mod refusal;
mod request;
mod route;
mod serve;
mod text;
mod throttle;
mod token;
mod verb;
mod worker;

pub use args::{Args, COST, Config, LISTEN_DEFAULT};
pub use refusal::Code;
pub use serve::{Chat, Serving, serve};
