//! Acceptance stories: what clients and operators can rely on, tried on running servers.
//!
//! [`Endpoints`] are the URLs of the servers. A [`Client`] signs up there, connects, sends, receives, acknowledges and
//! leaves. A [`Story`] is a handful of such steps and what must hold after each. [`STORIES`] lists all of them. The
//! program of this crate runs them on any server by URL. The tests in `tests/` start the real programs in every
//! arrangement and run the stories there, and also what needs a server of its own: attacks, crashes, limits. The other
//! way round, [`check_client`] is a server that says which promises a client keeps.
//!
//! This crate links none of the servers. It waits for conditions with a deadline and never for time to pass.

mod client;
mod cluster;
mod conformance;
mod endpoints;
mod host;
mod http;
mod nats;
mod pooler;
pub mod raw;
mod schema;
mod serving;
mod socket;
mod story;
mod wait;

pub use client::{Client, UPLOAD_TYPE, upload_metadata};
pub use cluster::{Cluster, Frozen, postgres_programs};
pub use conformance::{Outcome, check_client};
pub use endpoints::Endpoints;
pub use host::Host;
pub use http::{Answer, Call};
pub use nats::Nats;
pub use pooler::Pooler;
pub use socket::{Received, Socket};
pub use story::{Needs, STORIES, Story, run_stories};
pub use wait::{PATIENCE, until};
