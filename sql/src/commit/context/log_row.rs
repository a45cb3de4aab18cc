//! The locked rows of `log`: each account's position, acknowledgement, stored bytes and groups.

use std::collections::BTreeSet;

use wire::{AccountId, Seq};

use super::super::query_each;
use super::BatchContext;
use crate::Result;
use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::log::LOCK_LOGS;
use crate::quota::Size;

/// An account's row of `log`.
pub(super) struct LogRow {
    /// The position of the last event before this batch.
    stored: i64,
    /// The position of the last event, with those of this batch.
    head: i64,
    /// The position of the last event that a device of the account has acknowledged.
    acknowledged: i64,
    /// The bytes that count for the account's quota.
    size: Size,
    /// The number of groups that the account is a member of.
    groups: i64,
    /// Whether the account shows others what it has read, and sees what they have read.
    shows_read: bool,
    pub(super) is_changed: bool,
}

impl LogRow {
    /// The account and the new head of its log, if the batch has appended events to it.
    pub(super) fn new_head(&self, account: i64) -> Option<(AccountId, Seq)> {
        (self.head > self.stored).then_some((AccountId(account), Seq(self.head)))
    }

    /// The parameters of this log for [`SET_LOGS`].
    pub(super) fn row(&self, account: i64) -> Vec<Value<'static>> {
        let Size { stored, overhead } = self.size;
        [account, self.head, self.acknowledged, stored, overhead, self.groups]
            .map(Value::Int)
            .to_vec()
    }
}

impl BatchContext<'_> {
    /// Whether the account exists and is not deleted.
    pub(in crate::commit) fn has_log(&self, account: AccountId) -> bool {
        self.logs.contains_key(&account.0)
    }

    /// Whether the account shows others what it has read, and sees what they have read.
    pub(in crate::commit) fn shows_read(&self, account: AccountId) -> bool {
        self.logs.get(&account.0).is_none_or(|log| log.shows_read)
    }

    /// Takes the next position in the account's log; `None` if the account has no log.
    pub(in crate::commit) fn next_seq(&mut self, account: AccountId) -> Option<Seq> {
        let log = self.logs.get_mut(&account.0)?;
        log.head += 1;
        log.is_changed = true;
        Some(Seq(log.head))
    }

    /// Records that the account has acknowledged its events up to `seq`. Events of this batch cannot be acknowledged yet.
    pub(in crate::commit) fn acknowledge(&mut self, account: AccountId, seq: i64) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        let seq = seq.min(log.stored);
        if seq > log.acknowledged {
            log.acknowledged = seq;
            log.is_changed = true;
        }
    }

    /// Whether the account's quota has room for `more`. A deleted account has no quota.
    pub(in crate::commit) fn has_room(&self, account: AccountId, more: Size) -> bool {
        self.logs.get(&account.0).is_none_or(|log| (log.size + more).fits(self.policy.quota))
    }

    /// As [`BatchContext::has_room`], for what is stored beyond texts and files only.
    pub(in crate::commit) fn has_overhead(&self, account: AccountId, more: Size) -> bool {
        let quota = self.policy.quota;
        let overhead = |log: &LogRow| Size { stored: 0, ..log.size + more };
        self.logs.get(&account.0).is_none_or(|log| overhead(log).fits(quota))
    }

    /// Adds `more`, which may be negative, to the bytes that count for the account's quota.
    pub(in crate::commit) fn add_size(&mut self, account: AccountId, more: Size) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        log.size = log.size + more;
        log.is_changed = true;
    }

    /// The number of groups that the account is a member of.
    pub(in crate::commit) fn group_count(&self, account: AccountId) -> i64 {
        self.logs.get(&account.0).map_or(0, |log| log.groups)
    }

    /// Adds `groups`, which may be negative, to the number of groups that the account is a member of.
    pub(in crate::commit) fn add_to_group_count(&mut self, account: AccountId, groups: i64) {
        let Some(log) = self.logs.get_mut(&account.0) else { return };
        log.groups += groups;
        log.is_changed = true;
    }

    /// Locks the logs of `accounts` and of all accounts that the submissions of the batch concern.
    pub(super) fn lock_logs(&mut self, mut accounts: BTreeSet<i64>) -> Result<()> {
        for submission in self.submissions {
            accounts.insert(submission.by.0);
            accounts.extend(submission.operation.others().iter().map(|account| account.0));
        }
        for target in self.targets.values() {
            accounts.insert(target.from.0);
            accounts.extend(target.recipient.map(|account| account.0));
        }
        for group_state in self.groups.values() {
            accounts.extend(group_state.members.keys().map(|account| account.0));
            // The batch may remove all members. Then the invitations end, so the invited accounts are locked as well.
            let ends = group_state.members.len() <= self.submissions.len();
            let invited = group_state.invitations.keys().filter(|_| ends);
            accounts.extend(invited.map(|account| account.0));
        }
        let rows = accounts.into_iter().map(|account| vec![Value::Int(account)]).collect();
        let logs = query_each(self.engine, &LOCK_LOGS, rows)?;
        for row in logs {
            let (stored, acknowledged) = (row.int(1)?, row.int(2)?);
            let size = Size { stored: row.int(3)?, overhead: row.int(4)? };
            let (groups, shows_read) = (row.int(5)?, row.int(6)? != 0);
            let (head, is_changed) = (stored, false);
            let log = LogRow { stored, head, acknowledged, size, groups, shows_read, is_changed };
            self.logs.insert(row.int(0)?, log);
        }
        Ok(())
    }
}

statements! {
    pub(super) static SET_LOGS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update log set head = r.head, acknowledged = r.acknowledged, stored = r.stored, \
             overhead = r.overhead, groups = r.groups from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], \
             $5::bigint[], $6::bigint[]) as r(account, head, acknowledged, stored, overhead, groups) where log.account = r.account",
        sqlite:
            "update log set head = ?2, acknowledged = ?3, stored = ?4, overhead = ?5, groups = ?6 where log.account = ?1",
    });
}
