//! Privacy settings: whether an account shows its last-seen time, and what it has read. An account that hides one of the two does not
//! see it of others.

use std::collections::HashSet;

use wire::AccountId;

use crate::engine::{BatchStatement, Row, Statement, Value, for_each_row, locking, statements};
use crate::{Result, Store};

/// The privacy settings of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// Whether the account shows its last-seen time.
    pub last_seen: bool,
    /// Whether the account shows what it has read.
    pub read_receipts: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { last_seen: true, read_receipts: true }
    }
}

/// A change of [`Privacy`]; `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivacyChange {
    /// As [`Privacy::last_seen`].
    pub last_seen: Option<bool>,
    /// As [`Privacy::read_receipts`].
    pub read_receipts: Option<bool>,
}

impl Privacy {
    /// Reads the two columns that begin at column `at`, in the order of the fields.
    pub(crate) fn of(row: &Row, at: usize) -> Result<Self> {
        Ok(Self { last_seen: row.int(at)? != 0, read_receipts: row.int(at + 1)? != 0 })
    }
}

impl Store {
    /// Changes the privacy settings; false if the account is deleted. Events that others got before stay in their logs.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn set_privacy(&self, id: AccountId, change: PrivacyChange, now: i64) -> Result<bool> {
        let account = Value::Int(id.0);
        self.write(id, |engine| {
            let found = engine.run(&LOCK_PRIVACY, &[account])?;
            let Some(row) = found.first() else { return Ok(false) };
            let before = Privacy::of(row, 0)?;
            let after = Privacy {
                last_seen: change.last_seen.unwrap_or(before.last_seen),
                read_receipts: change.read_receipts.unwrap_or(before.read_receipts),
            };
            if after != before {
                let flags = [after.last_seen, after.read_receipts].map(Value::from);
                engine.run(&SET_PRIVACY, &[flags[0], flags[1], account])?;
            }
            if after.last_seen != before.last_seen {
                // Chat nodes keep a list of the accounts that hide their last-seen time, and read its changes here.
                let hides = Value::from(!after.last_seen);
                engine.run(&ADD_CHANGE, &[Value::Int(now), account, hides])?;
            }
            Ok(true)
        })
    }

    /// The accounts among these that hide their last-seen time.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn hiding_last_seen(
        &self,
        account: AccountId,
        accounts: impl IntoIterator<Item = AccountId>,
    ) -> Result<HashSet<AccountId>> {
        let rows: Vec<_> = accounts.into_iter().map(|it| vec![Value::Int(it.0)]).collect();
        let hiding = self.read_each(account, &HIDING, &rows, |row| Ok(AccountId(row.int(0)?)))?;
        Ok(hiding.into_iter().collect())
    }
}

statements! {
    static LOCK_PRIVACY: Statement =
        locking!("select shows_last_seen, shows_read from log where account = $1");

    static SET_PRIVACY: Statement =
        Statement::both("update log set shows_last_seen = $1, shows_read = $2 where account = $3");

    static ADD_CHANGE: Statement =
        Statement::both("insert into revocation (session, at, account, hides) values (0, $1, $2, $3)");

    static HIDING: BatchStatement = for_each_row!(
        r(account bigint),
        "select r.account from r join log l on l.account = r.account and l.shows_last_seen = 0"
    );
}
