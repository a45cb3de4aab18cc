//! Starting and stopping what is tested.

mod house;
mod programs;
mod proxy;
mod server;

pub use acceptance::Cluster;
pub use house::{House, Kind};
pub use programs::{program, root};
pub use proxy::Proxy;
pub use server::{Launch, Server};
