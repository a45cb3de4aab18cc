//! The share of one account in a commit.
//!
//! An account that submits many operations at once would otherwise make one long commit of them, and everybody else's
//! `sent` would wait for it. Operations beyond an account's share stay in the queue, in their order, for the next
//! commits.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use sql::{Operation, Submission};
use wire::AccountId;

use super::Task;
use crate::limit::{
    BATCH_ACCOUNT_BYTES_MAX, BATCH_ACCOUNT_FILES_MAX, BATCH_ACCOUNT_LARGE_OPERATIONS_MAX,
    BATCH_ACCOUNT_OPERATIONS_MAX, BATCH_LARGE_OPERATIONS_MAX,
};

/// The shares of all accounts in one commit so far.
#[derive(Default)]
pub(super) struct Shares {
    used: HashMap<AccountId, Used>,
    large_operations: usize,
    /// Connections with an operation that stays in the queue.
    deferred: HashSet<u64>,
}

#[derive(Default)]
struct Used {
    operations: usize,
    bytes: usize,
    files: usize,
    large_operations: usize,
    /// One of its operations stays in the queue, so all later ones do: operations of an account are carried out in
    /// their order.
    is_deferred: bool,
}

impl Shares {
    /// Whether `task` goes into this commit. Must be called in the order of the queue.
    pub(super) fn admit(&mut self, task: &Task) -> bool {
        match task {
            Task::Operation(submission, origin) => {
                let is_admitted = self.admit_operation(submission, task.bytes(), task.is_large());
                if !is_admitted {
                    self.deferred.extend(origin.as_ref().map(|outbox| outbox.id()));
                }
                is_admitted
            }
            Task::SessionUse(_) => true,
            Task::Disconnection(account, _) => {
                self.used.get(account).is_none_or(|used| !used.is_deferred)
            }
            Task::Close(_, outbox) => !self.deferred.contains(&outbox.id()),
        }
    }

    fn admit_operation(&mut self, submission: &Submission, bytes: usize, is_large: bool) -> bool {
        let large_operations = usize::from(is_large);
        let files = match &submission.operation {
            Operation::Post { files, .. } => files.len(),
            _ => 0,
        };
        let used = match self.used.entry(submission.by) {
            // The first operation of an account always fits.
            Entry::Vacant(entry) => entry.insert(Used::default()),
            Entry::Occupied(entry) => {
                let used = entry.into_mut();
                used.is_deferred |= used.operations >= BATCH_ACCOUNT_OPERATIONS_MAX
                    || used.bytes + bytes > BATCH_ACCOUNT_BYTES_MAX
                    || used.files + files > BATCH_ACCOUNT_FILES_MAX
                    || used.large_operations + large_operations
                        > BATCH_ACCOUNT_LARGE_OPERATIONS_MAX;
                used
            }
        };
        used.is_deferred |= self.large_operations + large_operations > BATCH_LARGE_OPERATIONS_MAX;
        if used.is_deferred {
            return false;
        }
        self.large_operations += large_operations;
        used.operations += 1;
        used.bytes += bytes;
        used.files += files;
        used.large_operations += large_operations;
        true
    }
}
