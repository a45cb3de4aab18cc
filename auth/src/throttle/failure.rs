//! A wrong password as it is counted, in a form that is the same on every auth server.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::Origin;

/// A wrong password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// A hash of the email that it tried.
    pub(crate) account: i64,
    /// A hash of how the client is known to this account; `None` for a stranger.
    pub(crate) origin: Option<i64>,
}

impl Failure {
    pub(super) fn new(known: Option<&Origin>, address: IpAddr, email: &str) -> Self {
        let origin = known.map(|origin| {
            let (kind, value) = match origin {
                Origin::Device(device) => ("device", device.bytes().to_vec()),
                Origin::Session(session) => ("session", session.0.to_be_bytes().to_vec()),
                Origin::Network(network) => ("network", network.to_string().into_bytes()),
            };
            hash(&[kind.as_bytes(), &value, email.as_bytes()])
        });
        Self { address, account: hash(&[email.as_bytes()]), origin }
    }
}

/// The first 64 bits of SHA-256 of the parts, each with its length.
fn hash(parts: &[&[u8]]) -> i64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hasher.finalize());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
