//! The words of the protocol, as both sides speak them.
//!
//! A client says a [`Request`], the server says a [`Frame`]; both are one JSON object in one WebSocket text frame.
//! What may go wrong has a [`Code`] or a [`Close`] code from a closed list, and every size has its bound in [`limit`].
//!
//! This crate does no I/O, reads no clock and knows no SQL.

mod asyncapi;
mod close;
mod code;
mod email;
mod emoji;
mod frame;
mod freeform;
mod half;
mod id;
pub mod limit;
mod name;
mod parse;
mod plain;
mod request;
mod schema;
mod series;
mod shape;
mod text;
mod token;
mod words;
mod write;

pub use asyncapi::asyncapi;
pub use close::Close;
pub use code::Code;
pub use email::Email;
pub use frame::Frame;
pub use half::{HALF_CHARACTER, has_half_character};
pub use id::{AccountId, GroupId, MessageId, Seq, SessionId};
pub use name::name;
pub use parse::Malformed;
pub use request::{Pending, Request, To, Want, With};
pub use schema::schema;
pub use series::Series;
pub use shape::{
    Accepted, Blocked, Change, Conversation, Declined, ErrorFrame, GroupChange, Member, Message,
    Page, Reaction, Receipt, Role,
};
pub use text::Text;
pub use token::{Token, TokenHash};
pub use words::{Word, folded, words};
