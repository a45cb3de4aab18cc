//! The requests of clients, one verb a file. A verb gets only the parts that it needs, never the whole connection.

mod conversations;
pub(crate) mod hello;
mod history;
pub(crate) mod message;
pub(crate) mod operation;
mod paging;
pub(crate) mod presence;
pub(crate) mod query;
pub(crate) mod typing;
