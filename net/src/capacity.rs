//! How many connections the system allows this process.
//!
//! Three resources can run out:
//!
//! - Descriptors: then accept(2) fails, and the listener continues.
//! - Threads, which control groups limit (`TasksMax`, `pids_limit`): then new connections are refused.
//! - Memory maps (`vm.max_map_count`, 65530 by default). The thread of a connection needs
//!   [`MAPS_PER_SESSION`](crate::limit::MAPS_PER_SESSION), a thread of the standard library
//!   [`MAPS_PER_THREAD`](crate::limit::MAPS_PER_THREAD). If the latter gets no map for its signal stack, it **aborts the
//!   process** (measured at 16367 threads, Rust 1.95).
//!
//! A setting that asks for more connections than these resources allow is lowered.

mod tasks;

use std::fs;

use crate::limit::{DESCRIPTORS_RESERVED, MAPS_RESERVED, TASKS_RESERVED};

/// The default of `vm.max_map_count`.
const MAPS_DEFAULT: u64 = 65_530;

/// The resources of the process that one connection takes.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionCost {
    /// The most descriptors that are open for it at a time.
    pub descriptors: u64,
    /// Memory maps of the threads that work for it.
    pub maps: u64,
    /// Threads that work for it.
    pub tasks: u64,
}

/// The resources of the process.
#[derive(Clone, Copy, Debug)]
pub struct SystemLimits {
    /// Descriptors it may spend on connections.
    pub descriptors: u64,
    /// Memory maps it may have.
    pub maps: u64,
    /// Threads it may spend on connections.
    pub tasks: u64,
}

impl SystemLimits {
    /// The resources of this process at present. Raises its limit of descriptors first.
    pub fn of_this_process() -> Self {
        let maps = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let maps = maps.and_then(|text| text.trim().parse().ok()).unwrap_or(MAPS_DEFAULT);
        Self {
            descriptors: spendable(crate::nofile::raise(), DESCRIPTORS_RESERVED),
            maps,
            tasks: spendable(tasks::left(), TASKS_RESERVED),
        }
    }

    /// Connections that all three resources allow; at least 1.
    pub fn connections(self, cost: ConnectionCost) -> usize {
        let by_descriptors = self.descriptors / cost.descriptors.max(1);
        let by_tasks = self.tasks / cost.tasks.max(1);
        at_least_one(by_descriptors.min(by_tasks)).min(self.connections_survivable(cost))
    }

    /// Connections up to which the process cannot be aborted for a lack of memory maps; at least 1.
    pub fn connections_survivable(self, cost: ConnectionCost) -> usize {
        let maps = self.maps.saturating_sub(MAPS_RESERVED);
        at_least_one(maps / cost.maps.max(1))
    }

    /// An equal share of each resource, for a process with `parts` servers.
    pub fn shared_by(self, parts: u64) -> Self {
        let parts = parts.max(1);
        Self {
            descriptors: self.descriptors / parts,
            maps: self.maps.saturating_sub(MAPS_RESERVED) / parts + MAPS_RESERVED,
            tasks: self.tasks / parts,
        }
    }
}

/// The part of a limit that connections may use, if `reserved` is kept for everything else. Of a very small limit less is
/// kept.
fn spendable(limit: u64, reserved: u64) -> u64 {
    limit - reserved.min(limit / 4 * 3)
}

fn at_least_one(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: ConnectionCost = ConnectionCost { descriptors: 1, maps: 2, tasks: 1 };
    const AUTH: ConnectionCost = ConnectionCost { descriptors: 4, maps: 10, tasks: 3 };
    const ALL: u64 = u64::MAX;

    #[test]
    fn descriptors_bound_a_small_process_and_maps_a_large_one() {
        let small = SystemLimits { descriptors: 768, maps: 65_530, tasks: ALL };
        assert_eq!(small.connections(CHAT), 768);
        assert_eq!(small.connections(AUTH), 192);
        let large = SystemLimits { descriptors: ALL, maps: 65_530, tasks: ALL };
        assert_eq!(large.connections(CHAT), 30_717);
        assert_eq!(large.connections(AUTH), 6_143);
    }

    #[test]
    fn two_servers_share_what_one_could_have() {
        let means = SystemLimits { descriptors: 2000, maps: 65_530, tasks: 1500 };
        assert_eq!(means.shared_by(2).connections(CHAT), 750);
        assert_eq!(means.shared_by(2).connections(AUTH), 250);
    }

    #[test]
    fn there_is_always_room_for_one() {
        assert_eq!(SystemLimits { descriptors: 3, maps: 10, tasks: 0 }.connections(AUTH), 1);
    }

    #[test]
    fn threads_bound_a_process_in_a_small_control_group() {
        let means =
            SystemLimits { descriptors: ALL, maps: 65_530, tasks: spendable(1024, TASKS_RESERVED) };
        assert_eq!((means.connections(CHAT), means.connections(AUTH)), (768, 256));
    }

    #[test]
    fn what_the_unit_allows_is_enough_for_what_the_maps_allow() {
        let tasks = spendable(32_768, TASKS_RESERVED);
        let unit = SystemLimits {
            descriptors: spendable(65_536, DESCRIPTORS_RESERVED),
            maps: MAPS_DEFAULT,
            tasks,
        };
        for (means, cost) in
            [(unit, CHAT), (unit, AUTH), (unit.shared_by(2), CHAT), (unit.shared_by(2), AUTH)]
        {
            assert_eq!(means.connections(cost), means.connections_survivable(cost), "{cost:?}");
        }
    }

    #[test]
    fn a_small_limit_still_serves_several() {
        assert_eq!(spendable(1024, 256), 768);
        assert_eq!(spendable(200, 256), 50);
        assert_eq!(spendable(0, 256), 0);
    }

    #[test]
    fn this_process_has_means() {
        assert!(SystemLimits::of_this_process().connections(CHAT) >= 1);
    }
}
