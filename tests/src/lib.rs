//! What people outside can rely on, told as stories and tried on running servers.
//!
//! A [`World`] is where the servers are: a URL each. A [`Person`] lives in it: signs up, connects, says, hears,
//! acknowledges, leaves. A [`Story`] is a handful of such lines and what must be true after each.
//! [`STORIES`] lists them all; the binary of this crate tells them to any server by URL, and `tests/` starts the
//! real programs in every combination and tells them there, together with what needs a server of its own:
//! attacks, crashes, limits. The other way round, [`judge`] is a server to any client and says which promises it keeps.
//!
//! This crate links none of the servers. It knows the contract, and waits for things, never for time to pass.

mod cluster;
mod http;
mod judge;
mod person;
mod pooler;
pub mod raw;
mod schema;
mod socket;
mod story;
mod wait;
mod world;

pub use cluster::{Cluster, Frozen};
pub use http::{Answer, Call};
pub use judge::{Verdict, judge};
pub use person::Person;
pub use pooler::Pooler;
pub use socket::{Heard, Socket};
pub use story::{Needs, STORIES, Story, tell};
pub use wait::{PATIENCE, until};
pub use world::World;
