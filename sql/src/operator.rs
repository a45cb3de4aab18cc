//! What the operator's `admin` commands do with accounts, in a database that servers may be using.

use std::collections::HashMap;

use wire::AccountId;

use crate::account::{LOCK_ACCOUNT, columns};
use crate::engine::postgres::Connector;
use crate::engine::sqlite::Sqlite;
use crate::engine::{Row, Statement, Value, statements};
use crate::limit::READERS;
use crate::pool::Requester;
use crate::session::{END_SESSIONS, end_sessions};
use crate::url::Backend;
use crate::{Account, DatabaseUrl, OpenError, Result, Snapshot, Store};

/// An account, and how much it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUsage {
    /// The account.
    pub account: Account,
    /// Whether the operator has disabled it.
    pub is_disabled: bool,
    /// The time of its last use, in milliseconds; `None`: never. While the account has an open socket, this is ahead of the clock.
    pub seen_at: Option<i64>,
    /// Bytes of texts and files that count for its quota.
    pub bytes: i64,
    /// Messages that it has sent and that are still stored.
    pub messages: i64,
}

/// Totals over the whole database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Accounts that are not deleted.
    pub accounts: i64,
    /// Sessions that have not ended.
    pub sessions: i64,
    /// Messages that are not deleted.
    pub messages: i64,
    /// Bytes of the database.
    pub database_bytes: i64,
    /// Bytes of the objects in the file store. An object that is a piece of several files counts once.
    pub file_bytes: i64,
}

impl Store {
    /// Opens an existing database for a command. It creates and migrates nothing, and does not wait for a database that is away.
    ///
    /// # Errors
    /// [`OpenError`], also if the schema has another version than this program.
    pub fn open_existing(url: &DatabaseUrl) -> std::result::Result<Self, OpenError> {
        let refused = |error: String| OpenError::Refused { place: url.to_string(), error };
        let mut snapshot = Snapshot::open(url)?;
        let (found, known) = (snapshot.schema(), snapshot.newest_schema());
        snapshot.engine.rollback().map_err(|error| refused(error.to_string()))?;
        drop(snapshot);
        if found != known {
            return Err(refused(format!(
                "it has schema version {found}, and this program needs {known}: start the server of this version first, which brings \
                 it up to date"
            )));
        }
        let store = match &url.0 {
            Backend::Memory => {
                return Err(refused("what is in memory ends with its process".to_owned()));
            }
            Backend::File(path) => {
                let path = path.clone();
                Self::new(1, None, Some(READERS), move |usage| {
                    Ok(Box::new(Sqlite::open_existing(&path, usage)?))
                })
            }
            Backend::Postgres(config, tls, given) => {
                let connector = Connector::new(config, tls, given)?;
                Self::new(1, Some(1), Some(READERS), move |usage| {
                    Ok(Box::new(connector.connect(usage)?))
                })
            }
        };
        // Commands use the time of the servers, since the clock of this machine may be wrong.
        store.read_time().map_err(|error| refused(error.to_string()))?;
        Ok(store)
    }

    /// All accounts that are not deleted, the oldest first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn accounts(&self) -> Result<Vec<AccountUsage>> {
        let count = |row: &mut Row| Ok((row.int(0)?, row.int(1)?));
        let messages = self.read(Requester::Server, &COUNT_BY_SENDER, &[], count)?;
        let messages: HashMap<i64, i64> = messages.into_iter().collect();
        self.read(Requester::Server, &ACCOUNTS, &[], |row| {
            let account = crate::account::account(row)?;
            let messages = messages.get(&account.id.0).copied().unwrap_or(0);
            let seen_at = row.maybe_int(8)?.max(row.maybe_int(9)?);
            let is_disabled = row.maybe_int(7)?.is_some();
            Ok(AccountUsage { account, is_disabled, seen_at, bytes: row.int(10)?, messages })
        })
    }

    /// The totals at the time `now`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn statistics(&self, now: i64) -> Result<Statistics> {
        let one = |statement: &'static Statement, params: &[Value<'_>]| -> Result<i64> {
            let found = self.read(Requester::Server, statement, params, |row| row.int(0))?;
            Ok(found.first().copied().unwrap_or(0))
        };
        Ok(Statistics {
            accounts: one(&COUNT_ACCOUNTS, &[])?,
            sessions: one(&COUNT_SESSIONS, &[Value::Int(now)])?,
            messages: one(&COUNT_MESSAGES, &[])?,
            database_bytes: match self.engine() {
                "sqlite" => one(&SQLITE_BYTES, &[])?,
                _ => one(&POSTGRES_BYTES, &[])?,
            },
            file_bytes: one(&FILE_BYTES, &[])?,
        })
    }

    /// Disables an account, and ends all of its sessions; false if there is no such account.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn disable_account(&self, id: AccountId, now: i64) -> Result<bool> {
        self.write(Requester::Server, |engine| {
            if engine.run(&DISABLE, &[Value::Int(now), Value::Int(id.0)])?.is_empty() {
                return Ok(false);
            }
            let ended = engine.run(&END_SESSIONS, &[Value::Int(id.0)])?;
            end_sessions(engine, &ended, now)?;
            Ok(true)
        })
    }

    /// Enables a disabled account; false if there is no such account.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn enable_account(&self, id: AccountId) -> Result<bool> {
        self.write(Requester::Server, |engine| {
            Ok(!engine.run(&ENABLE, &[Value::Int(id.0)])?.is_empty())
        })
    }

    /// Ends all sessions of an account, and returns their number.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn end_all_sessions(&self, id: AccountId, now: i64) -> Result<usize> {
        self.write(Requester::Server, |engine| {
            engine.run(&LOCK_ACCOUNT, &[Value::Int(id.0)])?;
            let ended = engine.run(&END_SESSIONS, &[Value::Int(id.0)])?;
            end_sessions(engine, &ended, now)?;
            Ok(ended.len())
        })
    }
}

statements! {
    static ACCOUNTS: Statement = Statement::both(concat!(
        "select ", columns!(), ", disabled_at, (select l.seen_at from log l where l.account = account.id), \
         (select max(s.seen_at) from session s where s.account = account.id), \
         (select l.stored from log l where l.account = account.id) from account where email is not null order by id"
    ));

    static COUNT_BY_SENDER: Statement = Statement::both(
        "select sender, count(*) from message where kind = 0 and deleted = 0 group by sender order by sender"
    );

    static COUNT_ACCOUNTS: Statement = Statement::both("select count(*) from account where email is not null");

    static COUNT_SESSIONS: Statement = Statement::both("select count(*) from session where expires_at > $1");

    static COUNT_MESSAGES: Statement =
        Statement::both("select count(*) from message where kind = 0 and deleted = 0");

    static FILE_BYTES: Statement = Statement {
        postgres: "select coalesce(sum(size), 0)::bigint from blob",
        sqlite: "select coalesce(sum(size), 0) from blob",
    };

    static SQLITE_BYTES: Statement = Statement::only_sqlite(
        "select c.page_count * s.page_size from pragma_page_count c, pragma_page_size s"
    );

    static POSTGRES_BYTES: Statement =
        Statement::only_postgres("select pg_database_size(current_database())");

    static DISABLE: Statement = Statement::both(
        "update account set disabled_at = coalesce(disabled_at, $1) where id = $2 and email is not null returning id"
    );

    static ENABLE: Statement = Statement::both(
        "update account set disabled_at = null where id = $1 and email is not null returning id"
    );
}
