//! The store: accounts, sessions, messages and logs, by the same verbs over SQLite and PostgreSQL.
//!
//! A [`Store`] is opened from a [`DatabaseUrl`]. Each verb is one method, documented with its promise, in the file of its
//! noun. Whatever a verb writes is one transaction: it has happened when the verb returns `Ok`, and has not when it
//! returns an [`Error`], except for [`Error::InDoubt`].
//!
//! Verbs are written against `engine::Engine`, which both databases implement; one SQL text serves both.
//! The crate knows no HTTP, no JSON, and neither a clear password nor a clear token.

mod account;
pub mod args;
mod commit;
mod engine;
mod error;
mod export;
mod log;
mod migrate;
mod pool;
mod session;
mod store;
mod url;

pub use account::{Account, Credentials};
pub use commit::{Acknowledgement, Batch, Outcome, Post, Stored};
pub use error::{Error, OpenError, Result};
pub use export::{KeptEvent, KeptMessage, LogState};
pub use log::{Event, Place};
pub use session::{Login, Revocation, Session};
pub use store::{Patience, Store};
pub use url::{DatabaseUrl, UrlError};
