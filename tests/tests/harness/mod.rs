//! Starts and stops the programs under test.

mod bucket;
mod deployment;
mod mail;
mod programs;
mod proxy;
mod server;

pub use acceptance::Cluster;
pub use bucket::{Bucket, BucketMode};
pub use deployment::{Arrangement, Deployment};
pub use mail::MailServer;
pub use programs::{program, root};
pub use proxy::Proxy;
pub use server::{Launch, Server};
