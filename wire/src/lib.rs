//! The chat protocol: what clients and the server send each other.
//!
//! A client sends a [`Request`], the server sends a [`Frame`]; each is one JSON object in one WebSocket text frame. Error
//! codes ([`Code`]) and close codes ([`Close`]) are closed lists, and every size has its bound in [`limit`]. The JSON
//! Schema and the AsyncAPI document are generated from these types.
//!
//! A new frame type of the client is a variant of [`Command`] in `request.rs`, with its keys and bounds in `parse.rs`. A new frame
//! type of the server is a variant of [`Frame`] in `frame.rs`. Each needs an example in `golden/`. docs/CONTRIBUTING.md lists the
//! further steps, in `chat` and `sql`.
//!
//! This crate does no I/O, reads no clock and knows no SQL.

mod asyncapi;
mod close;
mod code;
mod email;
mod emoji;
mod escape;
mod file;
mod frame;
mod freeform;
mod id;
pub mod limit;
mod name;
mod parse;
mod plain;
mod request;
mod schema;
mod shape;
mod surrogate;
mod template;
mod text;
mod token;
mod words;
mod write;

pub use asyncapi::asyncapi;
pub use close::Close;
pub use code::Code;
pub use email::Email;
pub use file::File;
pub use frame::Frame;
pub use freeform::is_hidden;
pub use id::{AccountId, GroupId, MessageId, Seq, SessionId};
pub use name::name;
pub use parse::Malformed;
pub use request::{Command, DeleteScope, Peer, PendingRequest, Recipient, Request};
pub use schema::schema;
pub use shape::{
    Accepted, Blocked, Change, Conversation, ConversationCleared, ConversationSet, Declined,
    ErrorFrame, GroupChange, Member, Message, Page, Reaction, Receipt, Role,
};
pub use surrogate::{UNPAIRED_SURROGATE, has_unpaired_surrogate};
pub use template::MessageTemplate;
pub use text::Text;
pub use token::{TICKET_PREFIX, Token, TokenHash};
pub use words::{Word, folded, words};
