//! Networks: ranges of IP addresses with a common prefix.

mod buckets;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub use buckets::NetworkBuckets;

/// Bits of the networks that a client's IPv6 address is counted by. One customer usually holds a /64, often a /56 and
/// sometimes a /48.
const IPV6_LEVELS: [u8; 3] = [64, 56, 48];
/// Bits of the network that a client's IPv4 address is counted by: the address alone, since its neighbours are other customers.
const IPV4_LEVELS: [u8; 1] = [32];
/// Bits before the IPv4 address in an IPv6 address that stands for one (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

/// All addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    /// The first address.
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// The network with a prefix of `bits` bits (at most 32 for IPv4, 128 for IPv6) that contains `address`. An IPv4 address in
    /// an IPv6 address counts as IPv4.
    pub fn of(address: IpAddr, bits: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = bits.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Self { base: Ipv4Addr::from_bits(v4.to_bits() & mask).into(), bits }
            }
            IpAddr::V6(v6) => {
                let bits = bits.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Self { base: Ipv6Addr::from_bits(v6.to_bits() & mask).into(), bits }
            }
        }
    }

    /// The networks that a client of this address is counted by, the narrowest first: the IPv4 address itself, or the
    /// /64, the /56 and the /48 of an IPv6 address.
    pub fn levels(address: IpAddr) -> impl DoubleEndedIterator<Item = Self> {
        let address = address.to_canonical();
        let levels: &[u8] = if address.is_ipv4() { &IPV4_LEVELS } else { &IPV6_LEVELS };
        levels.iter().map(move |bits| Self::of(address, *bits))
    }

    /// The narrowest network that a client of this address is counted by.
    pub fn narrowest(address: IpAddr) -> Self {
        let bits = if address.to_canonical().is_ipv4() { IPV4_LEVELS[0] } else { IPV6_LEVELS[0] };
        Self::of(address, bits)
    }

    /// Whether the network contains `address`. An IPv4 address in an IPv6 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.base.is_ipv4() && Self::of(address, self.bits) == *self
    }
}

impl FromStr for Network {
    type Err = String;

    /// Parses an address, or an address, `/` and the number of bits of the prefix.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| "must be an address or a network such as 10.0.0.0/8".to_owned())?;
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits =
            match bits {
                None => most,
                Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| {
                    format!("after the / there must be a number from 0 to {most}")
                })?,
            };
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), v4 @ IpAddr::V4(_)) => {
                let bits = bits.checked_sub(MAPPED_BITS);
                let bits = bits.ok_or("write IPv4 networks as such, for example 10.0.0.0/8")?;
                Ok(Self::of(v4, bits))
            }
            (_, address) => Ok(Self::of(address, bits)),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_alike() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.1", "11.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("::/0", "ffff::", "0.0.0.0"),
        ] {
            assert!(network(text).contains(ip(inside)), "{inside} in {text}");
            assert!(!network(text).contains(ip(outside)), "{outside} not in {text}");
        }
        assert_eq!(network("10.1.2.3/8").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "/8", "proxy.example", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert!("::ffff:0:0/64".parse::<Network>().is_err());
    }

    #[test]
    fn a_client_is_counted_by_what_it_may_hold() {
        let levels = |text| Network::levels(ip(text)).map(|n| n.to_string()).collect::<Vec<_>>();
        let all = ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"];
        assert_eq!(levels("2001:db8:1:2ff:3:4:5:6"), all);
        assert_eq!(levels("192.0.2.7"), ["192.0.2.7/32"]);
        assert_eq!(levels("::ffff:192.0.2.7"), ["192.0.2.7/32"]);
        assert_eq!(Network::narrowest(ip("2001:db8:1:2ff:3:4:5:6")).to_string(), all[0]);
    }
}
