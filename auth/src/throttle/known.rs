//! The known networks: those from which an account has been used.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};

use net::network::Network;
use wire::AccountId;

use crate::limit::{KNOWN_NETWORKS_PER_ACCOUNT, KNOWN_SET_MAX, KNOWN_SETS};

/// A bounded number of networks of accounts. The networks of an account are in one of many sets, chosen by a keyed
/// hash, together with those of a few other accounts. A full set drops the network that was unused for longest. One
/// account has only a few entries of a set, so an account that is used from many networks displaces only its own
/// entries.
pub(super) struct Known {
    hash: RandomState,
    /// The hashes of account and network, the longest unused first.
    sets: Vec<VecDeque<(u64, u64)>>,
}

impl Known {
    pub(super) fn new() -> Self {
        let mut sets = Vec::new();
        sets.resize_with(KNOWN_SETS, VecDeque::new);
        Self { hash: RandomState::new(), sets }
    }

    /// Whether the account is remembered to have been used from this network.
    pub(super) fn has(&self, account: AccountId, network: Network) -> bool {
        let pair = self.pair(account, network);
        self.sets[set(pair)].contains(&pair)
    }

    /// Remembers that the account has been used from this network.
    pub(super) fn add(&mut self, account: AccountId, network: Network) {
        let pair = self.pair(account, network);
        let set = &mut self.sets[set(pair)];
        set.retain(|other| *other != pair);
        let of_account = set.iter().filter(|(account, _)| *account == pair.0).count();
        if of_account >= KNOWN_NETWORKS_PER_ACCOUNT {
            let oldest = set.iter().position(|(account, _)| *account == pair.0);
            oldest.map(|oldest| set.remove(oldest));
        }
        if set.len() >= KNOWN_SET_MAX {
            set.pop_front();
        }
        set.push_back(pair);
    }

    fn pair(&self, account: AccountId, network: Network) -> (u64, u64) {
        (self.hash.hash_one(account), self.hash.hash_one((account, network)))
    }
}

fn set((account, _): (u64, u64)) -> usize {
    (account % KNOWN_SETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Network {
        Network::narrowest(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn an_account_that_logs_in_from_everywhere_forgets_its_own_networks_only() {
        let mut known = Known::new();
        let mallory = AccountId(0);
        let others = || (1..=1000).map(AccountId);
        others().for_each(|account| known.add(account, network(1)));
        let most = KNOWN_NETWORKS_PER_ACCOUNT as u32;
        (0..10_000).for_each(|number| known.add(mallory, network(number)));
        assert!(others().all(|account| known.has(account, network(1))));
        let kept = (0..10_000).filter(|number| known.has(mallory, network(*number)));
        assert_eq!(kept.collect::<Vec<_>>(), (10_000 - most..10_000).collect::<Vec<_>>());
        // One that is used is not the oldest any more.
        known.add(mallory, network(10_000 - most));
        known.add(mallory, network(7));
        assert!(known.has(mallory, network(10_000 - most)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut known = Known::new();
        for number in 0..KNOWN_SETS * KNOWN_SET_MAX * 2 {
            known.add(AccountId(number as i64), network(1));
        }
        assert!(known.sets.iter().all(|set| set.len() <= KNOWN_SET_MAX));
        assert!(known.sets.iter().any(|set| set.len() == KNOWN_SET_MAX), "the bound is reached");
    }
}
