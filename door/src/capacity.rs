//! How many connections this machine lets one process have.
//!
//! Two things run out. Descriptors: accept then fails and the listener goes on. Memory maps: of
//! `vm.max_map_count` (65530 by default) a connection's thread needs
//! [`MAPS_PER_SESSION`](crate::limit::MAPS_PER_SESSION), one of std's
//! [`MAPS_PER_THREAD`](crate::limit::MAPS_PER_THREAD), and one of those that gets no map for its
//! signal stack **aborts the process** (measured at 16367 threads, Rust 1.95). So the second bound
//! also holds against a setting that asks for more.

use std::fs;

use crate::limit::{DESCRIPTORS_RESERVED, MAPS_RESERVED};

/// What Linux grants when nobody changed it.
const MAPS_DEFAULT: u64 = 65_530;

/// What one connection costs the whole process.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Descriptors open at its busiest.
    pub descriptors: u64,
    /// Memory maps of the threads that are busy with it.
    pub maps: u64,
}

/// What the process has.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Descriptors it may spend on connections.
    pub descriptors: u64,
    /// Memory maps it may have.
    pub maps: u64,
}

impl Means {
    /// What this process has now; raises its descriptor limit first.
    pub fn of_this_process() -> Self {
        let maps = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let maps = maps.and_then(|text| text.trim().parse().ok()).unwrap_or(MAPS_DEFAULT);
        Self { descriptors: spendable(crate::nofile::raise()), maps }
    }

    /// Connections that both means allow; at least 1.
    pub fn connections(self, cost: Cost) -> usize {
        let by_descriptors = self.descriptors / cost.descriptors.max(1);
        at_least_one(by_descriptors).min(self.connections_survivable(cost))
    }

    /// Connections past which the process would be in danger of an abort; at least 1.
    pub fn connections_survivable(self, cost: Cost) -> usize {
        let maps = self.maps.saturating_sub(MAPS_RESERVED);
        at_least_one(maps / cost.maps.max(1))
    }

    /// An equal part of it, for a process that has `parts` servers.
    pub fn shared_by(self, parts: u64) -> Self {
        let parts = parts.max(1);
        Self {
            descriptors: self.descriptors / parts,
            maps: self.maps.saturating_sub(MAPS_RESERVED) / parts + MAPS_RESERVED,
        }
    }
}

/// What of a process's descriptors may go to connections. A very small limit is shared out rather than kept.
fn spendable(limit: u64) -> u64 {
    limit - DESCRIPTORS_RESERVED.min(limit / 4 * 3)
}

fn at_least_one(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Cost = Cost { descriptors: 1, maps: 2 };
    const AUTH: Cost = Cost { descriptors: 4, maps: 10 };

    #[test]
    fn descriptors_bound_a_small_process_and_maps_a_large_one() {
        let small = Means { descriptors: 768, maps: 65_530 };
        assert_eq!(small.connections(CHAT), 768);
        assert_eq!(small.connections(AUTH), 192);
        let large = Means { descriptors: u64::MAX, maps: 65_530 };
        assert_eq!(large.connections(CHAT), 30_717);
        assert_eq!(large.connections(AUTH), 6_143);
    }

    #[test]
    fn two_servers_share_what_one_could_have() {
        let means = Means { descriptors: 2000, maps: 65_530 };
        assert_eq!(means.shared_by(2).connections(CHAT), 1000);
        assert_eq!(means.shared_by(2).connections(AUTH), 250);
    }

    #[test]
    fn there_is_always_room_for_one() {
        assert_eq!(Means { descriptors: 3, maps: 10 }.connections(AUTH), 1);
    }

    #[test]
    fn a_small_limit_still_serves_several() {
        assert_eq!(spendable(1024), 768);
        assert_eq!(spendable(200), 50);
        assert_eq!(spendable(0), 0);
    }

    #[test]
    fn this_process_has_means() {
        assert!(Means::of_this_process().connections(CHAT) >= 1);
    }
}
