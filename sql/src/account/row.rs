//! An account as a row of its table.

use wire::AccountId;

use crate::Result;
use crate::engine::{Row, Statement, locking, statements};

/// An account that is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number, which is never reused.
    pub id: AccountId,
    /// Its email, trimmed and in lower case.
    pub email: String,
    /// Its name.
    pub name: String,
    /// Whether the email is proved to be the owner's, or needed no proof.
    pub is_proved: bool,
    /// The email that the account will have once it is proved.
    pub next_email: Option<String>,
    /// The file that is its picture.
    pub picture: Option<String>,
    /// The time of its creation, in milliseconds.
    pub created_at: i64,
}

/// The columns of an [`Account`].
macro_rules! columns {
    () => {
        "id, email, name, created_at, proved, next_email, picture"
    };
}
pub(crate) use columns;

pub(crate) fn account(row: &mut Row) -> Result<Account> {
    account_at(row, 0)
}

/// The account whose [`columns`] begin at `first`.
pub(crate) fn account_at(row: &mut Row, first: usize) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.int(first)?),
        email: row.text(first + 1)?,
        name: row.text(first + 2)?,
        created_at: row.int(first + 3)?,
        is_proved: row.int(first + 4)? != 0,
        next_email: row.maybe_text(first + 5)?,
        picture: row.maybe_text(first + 6)?,
    })
}

statements! {
    /// Locks an account that is not deleted.
    pub(crate) static LOCK_ACCOUNT: Statement = locking!("select id from account where id = $1 and email is not null");

    /// Locks an account that has this email.
    pub(crate) static LOCK_ACCOUNT_BY_EMAIL: Statement =
        locking!("select id from account where id = $1 and email = $2");
}
