//! Starts and stops the programs under test.

mod bucket;
mod certificate;
mod deployment;
mod disk;
mod link;
mod mail;
mod network;
mod programs;
mod proxy;
mod push;
mod python;
mod server;
mod skipped;

pub use acceptance::Cluster;
pub use bucket::{Bucket, BucketMode};
pub use certificate::certificate;
pub use deployment::{Arrangement, Deployment};
pub use disk::Disk;
pub use link::{Link, Traffic};
pub use mail::MailServer;
pub use network::{Interface, Network};
pub use programs::{faketime, program, root};
pub use proxy::Proxy;
pub use push::PushService;
pub use server::{Launch, Server};
pub use skipped::not_tested;
