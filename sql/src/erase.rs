//! Erasing deleted accounts from the database's files, retried until it succeeds.
//!
//! The table `erasure` lists the accounts, so that a restart continues. SQLite overwrites rows when they are deleted; only its
//! write-ahead log has to be emptied, which waits for readers of an older state. PostgreSQL rewrites the small tables with
//! personal data, which waits for snapshots that may still see the deleted rows, and for locks on these tables.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wire::AccountId;

use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::limit::ERASE_AT_ONCE_MAX;
use crate::pacer::Pacer;
use crate::pool::Requester;
use crate::{Error, Result, Store};

/// How often the list of accounts to erase is read.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// The shortest time between two lines in the log that say why they cannot be overwritten.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

impl Store {
    /// Erases deleted accounts from the database's files, until `stops_within`, which waits for the given time, returns
    /// that it must stop. A failure is retried, and its reason is logged at most once a minute.
    ///
    /// Call it on a thread of its own. If there is such a thread for this store already, it returns at once.
    pub fn run_eraser(&self, stops_within: impl Fn(Duration) -> bool) {
        if self.is_erasing.swap(true, Ordering::Relaxed) {
            return;
        }
        let (mut traced, mut failures) = (BTreeSet::new(), 0);
        let mut warned = None::<Instant>;
        while !stops_within(LOOK_INTERVAL) {
            // While the database is away, nothing can be erased. The health check reports that already.
            let Ok(accounts) = self.to_erase() else { continue };
            if accounts.is_empty() {
                failures = 0;
                continue;
            }
            let erased = self.erase(&accounts, &mut traced, self.erase_interval);
            let Err(error) = erased else { continue };
            failures += 1;
            // A first failure is not logged: most likely a reader was active for a moment.
            if failures > 1 && warned.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
                warned = Some(Instant::now());
                let accounts = accounts.len();
                let reason = match error {
                    Error::Unavailable(reason) => reason,
                    other => other.to_string(),
                };
                tracing::warn!(
                    accounts,
                    "the data of deleted accounts in the database's files is not overwritten yet; it is tried again: {reason}"
                );
            }
        }
    }

    /// Erases all deleted accounts that may still be in the database's files, without waiting for the interval between
    /// two tries.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] has the reason. The accounts stay on the list.
    pub fn erase_deleted_from_files(&self) -> Result<()> {
        self.erase(&self.to_erase()?, &mut BTreeSet::new(), Duration::ZERO)
    }

    /// Deleted accounts that may still be in the database's files, with the times of their deletion.
    fn to_erase(&self) -> Result<Vec<(i64, i64)>> {
        self.read(Requester::Server, &ERASURES, &[], |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// `traced` are the accounts whose rows are all deleted, so only unused space of the files may contain their data. Nothing is done
    /// if any process tried less than `interval` ago.
    fn erase(
        &self,
        accounts: &[(i64, i64)],
        traced: &mut BTreeSet<i64>,
        interval: Duration,
    ) -> Result<()> {
        if accounts.is_empty() {
            return Ok(());
        }
        for (account, at) in accounts {
            // Accounts that are older than this list have no time. [`Store::erase_deleted_accounts_rows`] has deleted their rows.
            if *at > 0 && !traced.contains(account) {
                self.erase_account_rows(AccountId(*account), Pacer::new())?;
                traced.insert(*account);
            }
        }
        let ids: Vec<_> = accounts.iter().map(|(account, _)| *account).collect();
        let done = self.scrub(Requester::Server, &ids, interval)?;
        self.erased(Requester::Server, &done)?;
        done.iter().for_each(|account| {
            traced.remove(account);
        });
        Ok(())
    }

    /// Removes accounts from the list.
    fn erased(&self, requester: impl Into<Requester>, accounts: &[i64]) -> Result<()> {
        if accounts.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = accounts.iter().map(|account| vec![Value::Int(*account)]).collect();
        self.write(requester, |engine| engine.run_batch(&ERASED, &rows).map(drop))
    }

    /// The first attempt, while the request to delete the account waits. After [`ERASE_AT_ONCE_MAX`] the rest is left to
    /// [`Store::run_eraser`].
    pub(crate) fn erase_at_once(&self, account: AccountId) -> Result<()> {
        self.erase_account_rows(account, Pacer::until(Instant::now() + ERASE_AT_ONCE_MAX))?;
        if !self.erase_interval.is_zero() {
            return Ok(()); // The eraser does it later, for several accounts together.
        }
        let done = self.scrub(account, &[account.0], Duration::ZERO)?;
        self.erased(account, &done)
    }
}

statements! {
    static ERASED: BatchStatement = BatchStatement::of(Statement {
        postgres: "delete from erasure where account in (select r.account from unnest($1::bigint[]) as r(account))",
        sqlite: "delete from erasure where account = (?1)",
    });

    /// The row with account 0 has the time of PostgreSQL's last rewrite.
    static ERASURES: Statement = Statement::both("select account, at from erasure where account > 0");
}
