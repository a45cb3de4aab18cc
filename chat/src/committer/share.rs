//! How much of one commit a single account may take.
//!
//! An account that submits many acts at once would otherwise make one long commit of them, and everybody else's `sent` would wait
//! for it. What goes beyond an account's share stays in the queue, in its order, for the next commits.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use sql::Submission;
use wire::AccountId;

use super::Task;
use crate::limit::{
    BATCH_ACCOUNT_ACTS_MAX, BATCH_ACCOUNT_BYTES_MAX, BATCH_ACCOUNT_GROUP_ACTS_MAX,
    BATCH_GROUP_ACTS_MAX,
};

/// What the accounts have of one commit so far.
#[derive(Default)]
pub(super) struct Shares {
    used: HashMap<AccountId, Used>,
    group_acts: usize,
    /// Connections of which an act stays in the queue.
    deferred: HashSet<u64>,
}

#[derive(Default)]
struct Used {
    acts: usize,
    bytes: usize,
    group_acts: usize,
    /// One of its acts stays in the queue, so all later ones do: acts of an account are carried out in their order.
    is_deferred: bool,
}

impl Shares {
    /// Whether `task` goes into this commit. To be asked in the order of the queue.
    pub(super) fn admit(&mut self, task: &Task) -> bool {
        match task {
            Task::Act(act, origin) => {
                let is_admitted = self.admit_act(act, task.bytes(), task.is_for_group());
                if !is_admitted {
                    self.deferred.extend(origin.as_ref().map(|outbox| outbox.id()));
                }
                is_admitted
            }
            Task::SessionUse(_) => true,
            Task::Departure(account, _) => {
                self.used.get(account).is_none_or(|used| !used.is_deferred)
            }
            Task::Close(_, outbox) => !self.deferred.contains(&outbox.id()),
        }
    }

    fn admit_act(&mut self, act: &Submission, bytes: usize, is_for_group: bool) -> bool {
        let group_acts = usize::from(is_for_group);
        let used = match self.used.entry(act.by) {
            // However large its first act is, it fits.
            Entry::Vacant(entry) => entry.insert(Used::default()),
            Entry::Occupied(entry) => {
                let used = entry.into_mut();
                used.is_deferred |= used.acts >= BATCH_ACCOUNT_ACTS_MAX
                    || used.bytes + bytes > BATCH_ACCOUNT_BYTES_MAX
                    || used.group_acts + group_acts > BATCH_ACCOUNT_GROUP_ACTS_MAX;
                used
            }
        };
        used.is_deferred |= self.group_acts + group_acts > BATCH_GROUP_ACTS_MAX;
        if used.is_deferred {
            return false;
        }
        self.group_acts += group_acts;
        used.acts += 1;
        used.bytes += bytes;
        used.group_acts += group_acts;
        true
    }
}
