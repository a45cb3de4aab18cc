//! HTTP/1.1 for all servers. It knows no account and no message.
//!
//! [`serve`] takes a listener of the crate `net` and a [`Service`]. For each request the head is read under a deadline
//! and checked ([`head`], [`web`]), the service chooses a [`Route`] by the head alone, and the body is read as the
//! route's [`BodyPolicy`] says. A handler is a function from a [`Request`] to a [`Response`]; it knows neither the
//! socket nor a library. Connections are kept open between requests, within bounds ([`limit`]).
//!
//! The routes of accounts and files are in the crate `auth` (`route.rs`), those of the chat port in `chat` (`page.rs`), and those of
//! operators in [`ops`]. docs/HTTP.md shows how to add a route. The settings that every program has are in [`args`].

pub mod args;
pub mod body;
mod deadlines;
pub mod error;
mod exchange;
mod finish;
mod forwarded;
pub mod head;
pub mod limit;
mod opening;
pub mod ops;
pub mod origin;
pub mod request;
pub mod response;
mod server;
pub mod service;
pub mod web;

pub use body::{Body, BodyReader};
pub use deadlines::Deadlines;
pub use error::HttpError;
pub use head::{Framing, Head};
pub use opening::{Opening, begin};
pub use request::{Request, Upgrade};
pub use response::Response;
pub use server::{ServerConfig, serve};
pub use service::{Answered, BodyPolicy, Handler, Route, Service};
