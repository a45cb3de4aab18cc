//! What a client may ask for, one verb a file. A verb takes only what it needs, never the connection.

mod conversations;
pub(crate) mod hello;
mod history;
pub(crate) mod message;
pub(crate) mod operation;
mod paging;
pub(crate) mod presence;
pub(crate) mod query;
pub(crate) mod typing;
