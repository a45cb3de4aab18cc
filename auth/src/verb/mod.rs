//! The handlers, one request per file: each parses, decides, stores and replies.

pub(crate) mod confirm;
pub(crate) mod email;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod openapi;
pub(crate) mod password;
pub(crate) mod push;
pub(crate) mod reset;
pub(crate) mod root;
pub(crate) mod sessions;
pub(crate) mod signup;
pub(crate) mod ticket;
pub(crate) mod users;

#[cfg(test)]
mod tests;
