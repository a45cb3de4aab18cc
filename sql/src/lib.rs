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
mod clock;
mod commit;
mod contact;
mod conversation;
mod copy;
mod email;
mod engine;
mod entry;
mod erase;
mod error;
mod event;
mod export;
mod health;
mod history;
mod inspect;
mod invitation;
mod limit;
mod log;
mod migrate;
mod node;
mod pace;
mod pool;
mod reindex;
mod restoration;
mod search;
mod session;
mod snapshot;
mod store;
mod sweep;
mod token;
mod unread;
mod url;
mod verify;

pub use account::{Account, Credentials};
pub use clock::Day;
pub use commit::{Act, Alteration, Batch, Committed, Deed, News, Outcome, Refusal};
pub use contact::{Acquaintance, Contact, Finding};
pub use conversation::{Conversation, Group, Member};
pub use copy::{Column, FORM, Kind, TABLES};
pub use engine::Cell;
pub use entry::{Entry, GroupChange, Message, Retention};
pub use error::{Error, OpenError, Result};
pub use event::{Event, Receipt, What};
pub use export::{KeptBlock, KeptConversation, KeptEntry, KeptEvent, KeptReaction, LogState};
pub use health::{Storing, Unwell};
pub use history::Reaction;
pub use inspect::{Advice, Inspection, Level, Recorded, inspect};
pub use invitation::KeptInvitation;
pub use limit::PAGE_BYTES;
pub use log::Place;
pub use restoration::{RESTORED_ROWS, Restoration};
pub use search::{INDEXED_WORDS_MAX, SEARCH_TIME_MAX, SEARCH_WORDS_MAX, WORD_CHARS_MAX};
pub use session::{Login, Revocation, Session};
pub use snapshot::Snapshot;
pub use store::{Patience, Store};
pub use sweep::Keep;
pub use url::{DatabaseUrl, UrlError};
pub use verify::Inconsistency;
