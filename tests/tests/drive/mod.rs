//! Starting and stopping what is tested.

mod house;
mod postgres;
mod programs;
mod server;

pub use house::{House, Kind};
pub use postgres::Cluster;
pub use programs::{program, root};
pub use server::{Launch, Server};
