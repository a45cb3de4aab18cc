//! The store: accounts, sessions, messages and logs, with the same methods over SQLite and PostgreSQL.
//!
//! [`Store::open`] opens the database that a [`DatabaseUrl`] names. The methods of [`Store`] are grouped by subject: `account.rs`
//! has those about accounts, `history.rs` those that read the history of a conversation. A method that writes does so in one
//! transaction. The transaction is stored if the method returns `Ok`, and not stored if it returns an [`Error`]. After
//! [`Error::InDoubt`] it is either.
//!
//! Messages and all other operations of clients are stored by [`Store::commit`], many in one transaction. A new kind of operation is
//! a file in `commit/`.
//!
//! The methods run SQL statements through `engine::Engine`, which SQLite and PostgreSQL implement. A statement is a `static` in the
//! file that uses it; `engine/statement.rs` says how to add one. Bounds are in `limit.rs`, settings in `args.rs`, and the scripts of
//! the schema in `migrations/`.
//!
//! The crate knows no HTTP and no JSON. It never sees a password or a token in clear text, only hashes.

mod account;
pub mod args;
mod attachment;
mod clock;
mod code;
mod collect;
mod commit;
mod confirmation;
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
mod failed_login;
mod file;
mod health;
mod history;
mod inspect;
mod invitation;
mod limit;
mod log;
mod migrate;
mod node;
mod operator;
mod pacer;
mod picture;
mod pool;
mod privacy;
mod profile;
mod push;
mod quota;
mod read;
mod recovery;
mod reindex;
mod replica;
mod report;
mod restoration;
mod search;
mod session;
mod setting;
mod snapshot;
mod store;
mod sweep;
mod ticket;
mod token;
mod unread;
mod upload;
mod url;
mod verify;

pub use account::{Account, Credentials, NewAccount};
pub use clock::Day;
pub use code::{AccountCode, CodePurpose, Invitation, ShownCode};
pub use collect::Removal;
pub use commit::{
    Batch, Committed, CommittedEvent, GroupAction, Operation, Outcome, Rejection, Submission,
};
pub use confirmation::EmailProof;
pub use contact::{Block, ContactPolicy, ContactStatus, FoundAccount, PublicProfile};
pub use conversation::{Conversation, Group, Member};
pub use copy::{BACKUP_FORMAT, Column, ColumnType, TABLES};
pub use engine::Cell;
pub use entry::{Entry, GroupChange, Message, Retention};
pub use error::{Error, OpenError, Result};
pub use event::{Event, EventBody, EventNames, Receipt};
pub use export::{
    ExportedBlock, ExportedConversation, ExportedEntry, ExportedEvent, ExportedFile,
    ExportedReaction, LogState,
};
pub use failed_login::FailedLogin;
pub use file::{Piece, StoredFile};
pub use health::{StorageStatus, Unhealthy};
pub use history::Reaction;
pub use inspect::{Diagnostic, Inspection, RecordedTime, Severity, inspect};
pub use invitation::ExportedInvitation;
pub use limit::{
    NODE_GONE_FOR, PAGE_BYTES, PICTURE_BYTES_MAX, PIECE_BYTES_MAX, PIECE_BYTES_MIN, PUSH_CLAIM_MS,
    PUSH_HOST_INTERVAL_MS, PUSH_INTERVAL_MS, PUSH_TRIES_MAX,
};
pub use log::{Gap, LogPosition};
pub use node::{Elsewhere, LocalConnections, NodeObserver, Notice, RemoteConnections};
pub use operator::{AccountUsage, Statistics};
pub use picture::PictureOutcome;
pub use privacy::{Privacy, PrivacyChange};
pub use profile::Profile;
pub use push::{
    ClaimedPush, ExportedPush, PushBounds, PushOutcome, PushQuery, PushSubscription, Subscribed,
};
pub use read::Reader;
pub use recovery::PasswordReset;
pub use replica::ReadSource;
pub use report::{ExportedReport, Report, ReportCursor, Reported};
pub use restoration::{RESTORED_ROWS, Restoration};
pub use search::{INDEXED_WORDS_MAX, SEARCH_TIME_MAX, SEARCH_WORDS_MAX, WORD_CHARS_MAX};
pub use session::{Login, Revocation, Revoked, Session};
pub use setting::{ConversationSettings, SettingsChange};
pub use snapshot::Snapshot;
pub use store::{Store, WaitPolicy};
pub use sweep::LogRetention;
pub use ticket::Ticket;
pub use upload::{NewPiece, NewUpload, Upload, UploadOutcome};
pub use url::{DatabaseUrl, UrlError};
pub use verify::Inconsistency;
