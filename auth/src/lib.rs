//! The auth server: accounts over HTTP (signup, login, sessions, export), and the files of the web client.
//!
//! The crate `http` reads a request under deadlines and bounds. The table `ROUTES` in `route.rs` finds its handler, a function in a
//! file of `verb/`: it parses, decides, stores and replies. A new route is a handler there, a line of the table, and a description in
//! `openapi.json`. Most handlers run behind a private Unix socket on `tiny_http` (`backend/`); documents and streams are answered on
//! the connection's own thread.
//!
//! Three files bound what attackers can use: `throttle.rs` the wrong passwords, `password.rs` the passwords that are hashed at a time,
//! and `hash_queue.rs` the order of those that wait. Settings are in `args.rs`, bounds in `limit.rs`.
//!
//! Only `password` reads the text of a password, and only `token` creates tokens. Neither type has `Debug`.
//!
//! Locks: one in `password`, and one in `throttle` besides those of its buckets. None is held during I/O or while another is taken.

mod args;
mod backend;
mod client;
mod code;
mod collect;
mod context;
mod cookie;
mod device;
mod device_name;
mod error;
mod exports;
mod failure_exchange;
mod hash_queue;
mod json;
pub mod limit;
mod mail;
pub mod metrics;
mod password;
mod pusher;
mod request;
mod route;
mod serve;
mod service;
mod throttle;
mod token;
mod transfers;
mod verb;
mod worker;

pub use args::{Args, COST, Config, LISTEN_DEFAULT, SignupRule};
pub use error::ErrorCode;
pub use mail::{MailSettings, MailUsageError, SmtpUrlError};
pub use serve::{Serving, serve};
