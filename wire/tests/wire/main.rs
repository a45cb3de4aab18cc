//! The words of the protocol, held against what others rely on: golden frames, schema, AsyncAPI, documentation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

/// docs/asyncapi.json.
mod asyncapi;
/// Golden frames of clients.
mod client;
/// docs/PROTOCOL.md.
mod document;
/// Reading golden frames and the schema.
mod golden;
/// Requests that are refused, and how.
mod refusal;
/// Requests that are taken, and how.
mod request;
/// docs/schema.json.
mod schema;
/// Golden frames of servers.
mod server;
