//! `/files`: uploads by tus 1.0.0 (<https://tus.io/protocols/resumable-upload>), and downloads.
//!
//! These handlers run on the connection's own thread: bodies are streamed to and from the file store.

mod create;
mod delete;
mod download;
mod metadata;
mod offset;
mod patch;
mod range;
mod reader;
mod receive;
mod request;
mod sniff;
mod tus;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use download::download;
pub(crate) use offset::offset;
pub(crate) use patch::patch;
pub(crate) use request::FileRequest;
pub(crate) use tus::{BODY_TYPE, check_version, described, is_at, method, resumable};
