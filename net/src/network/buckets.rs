//! Token buckets for the networks of an address.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Network;
use crate::bucket::Buckets;
use crate::limit::{NETWORK_BUCKETS_WIDTH, NETWORK_LEVEL_FACTOR};

/// Buckets for the networks of an address, from the narrowest to the widest, which has the largest bucket.
#[derive(Debug)]
pub struct NetworkBuckets([Buckets; 3]);

impl NetworkBuckets {
    /// `capacity` and `per_second` are those of the narrowest networks. Each wider level has twice as much as the one before.
    pub fn new(capacity: f64, per_second: f64) -> Self {
        Self(std::array::from_fn(|level| {
            let factor = NETWORK_LEVEL_FACTOR.powi(level as i32);
            Buckets::new(capacity * factor, per_second * factor, NETWORK_BUCKETS_WIDTH)
        }))
    }

    /// Whether each network of `address` has a token.
    ///
    /// # Errors
    /// A network has none. All networks have one after this wait.
    pub fn peek(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let waits = self.each(address).filter_map(|(buckets, it)| buckets.peek(&it, now).err());
        waits.max().map_or(Ok(()), Err)
    }

    /// Takes a token from each network of `address`.
    ///
    /// # Errors
    /// A network has none, and nothing was taken. All networks have one after this wait.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.peek(address, now)?;
        self.each(address).try_for_each(|(buckets, network)| buckets.take(&network, now))
    }

    fn each(&self, address: IpAddr) -> impl Iterator<Item = (&Buckets, Network)> {
        self.0.iter().zip(Network::levels(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_network_has_twice_as_much_and_no_more() {
        let (buckets, now) = (NetworkBuckets::new(3.0, 1.0), Instant::now());
        let taken = |addresses: &mut dyn Iterator<Item = String>| {
            addresses.filter(|text| buckets.take(text.parse().unwrap(), now).is_ok()).count()
        };
        assert_eq!(taken(&mut (0..99).map(|n| format!("2001:db8::{n:x}"))), 3, "one /64");
        assert_eq!(taken(&mut (1..99).map(|n| format!("2001:db8:0:{n:x}::"))), 3, "its /56");
        assert_eq!(taken(&mut (1..99).map(|n| format!("2001:db8:0:{n:x}00::"))), 6, "its /48");
        assert_eq!(taken(&mut (0..99).map(|_| "192.0.2.1".to_owned())), 3);
    }
}
