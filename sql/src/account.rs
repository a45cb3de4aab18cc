//! Creating, reading, changing and deleting accounts.

mod row;

use wire::{AccountId, Email, SessionId};

use crate::code::{CodePurpose, ShownCode, use_code, void_codes};
use crate::email::fill_keys;
use crate::engine::{Engine, Row, Statement, Value, first, locking, statements};
use crate::pool::Requester;
use crate::session::{END_SESSIONS, end_sessions};
use crate::{Error, Result, Store, picture};
pub use row::Account;
pub(crate) use row::{LOCK_ACCOUNT, LOCK_ACCOUNT_BY_EMAIL, account, account_at, columns};

/// What a login compares a password with. Not `Debug`, so that no hash gets into a log.
#[derive(Clone)]
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// The password's hash, as a PHC string.
    pub phc: String,
    /// The number of passwords that the account has had. A login with an earlier epoch is rejected.
    pub epoch: i64,
    /// Whether the operator has disabled the account.
    pub is_disabled: bool,
}

/// An account to be created.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// Its email, which [`Email::chosen`] must have accepted.
    pub email: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The hash of its password, as a PHC string.
    pub phc: &'a str,
    /// Whether its email needs no proof.
    pub is_proved: bool,
    /// The invitation that it needs, if it needs one.
    pub invitation: Option<ShownCode>,
    /// The time, in milliseconds.
    pub now: i64,
}

/// Finds an account by its email. Two accounts that are older than email keys may have equivalent emails. Then each is found by the
/// exact text of its own.
macro_rules! by_email {
    () => {
        "from account where (email = $1 or email_key = $2) and password is not null \
         order by case when email = $1 then 0 else 1 end limit 1"
    };
}

impl Store {
    /// Creates an account with an empty log. No two accounts have equivalent emails ([`Email`]). The invitation, if there is one, is
    /// used up in the same transaction. `None` if the invitation is not valid.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the email is taken. PostgreSQL leaves a gap in the ids then, so ask
    /// [`Store::find_by_email`] first. After [`Error::InDoubt`] the account may exist or not.
    pub fn sign_up(&self, new: &NewAccount<'_>) -> Result<Option<AccountId>> {
        let Email { text, key } =
            Email::claimed(new.email).map_err(|it| Error::Internal(it.to_owned()))?;
        let (text, key) = (Value::Text(&text), Value::maybe_text(key.as_deref()));
        let (name, phc) = (Value::Text(new.name), Value::Text(new.phc));
        let params = [text, key, name, phc, Value::Int(new.now), new.is_proved.into()];
        let trusted = self.clock.trusted_by(new.now);
        self.write(Requester::Stranger, |engine| {
            if let Some(code) = &new.invitation
                && use_code(engine, CodePurpose::Invitation, code, trusted)?.is_none()
            {
                return Ok(None);
            }
            let id = first(&engine.run(&ADD_ACCOUNT, &params)?)?.int(0)?;
            engine.run(&ADD_LOG, &[Value::Int(id)])?;
            Ok(Some(AccountId(id)))
        })
    }

    /// As [`Store::sign_up`], without an invitation, and with an email that needs no proof.
    ///
    /// # Errors
    /// Those of [`Store::sign_up`].
    pub fn create_account(
        &self,
        email: &str,
        name: &str,
        phc: &str,
        now: i64,
    ) -> Result<AccountId> {
        let new = NewAccount { email, name, phc, is_proved: true, invitation: None, now };
        let made = self.sign_up(&new)?;
        made.ok_or_else(|| Error::Internal("a signup that needs no invitation".to_owned()))
    }

    /// Whether the database has, or ever had, an account.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn has_accounts(&self) -> Result<bool> {
        Ok(!self.read(Requester::Server, &FIND_ANY, &[], |row| row.int(0))?.is_empty())
    }

    /// The account with this number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn account(&self, id: AccountId) -> Result<Option<Account>> {
        Ok(self.read(id, &FIND_ACCOUNT, &[Value::Int(id.0)], account)?.pop())
    }

    /// The account with this email or an equivalent one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn find_by_email(&self, email: &str) -> Result<Option<Account>> {
        self.read_by_email(&FIND_BY_EMAIL, email, account)
    }

    /// The credentials of the account with this email or an equivalent one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn credentials(&self, email: &str) -> Result<Option<Credentials>> {
        self.read_by_email(&CREDENTIALS_BY_EMAIL, email, credentials)
    }

    fn read_by_email<T>(
        &self,
        statement: &'static Statement,
        email: &str,
        map: impl FnMut(&mut Row) -> Result<T>,
    ) -> Result<Option<T>> {
        // No account has an invalid email.
        let Ok(Email { text, key }) = Email::claimed(email) else { return Ok(None) };
        let params = [Value::Text(&text), Value::maybe_text(key.as_deref())];
        Ok(self.read(Requester::Stranger, statement, &params, map)?.pop())
    }

    /// As [`Store::credentials`], by the account's number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn credentials_of(&self, id: AccountId) -> Result<Option<Credentials>> {
        Ok(self.read(id, &CREDENTIALS_BY_ID, &[Value::Int(id.0)], credentials)?.pop())
    }

    /// Renames an account and returns it; `None` if it is deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn rename(&self, id: AccountId, name: &str) -> Result<Option<Account>> {
        let params = [Value::Text(name), Value::Int(id.0)];
        self.write(id, |engine| {
            engine.run(&SET_NAME, &params)?.iter_mut().map(account).next().transpose()
        })
    }

    /// Changes the password and revokes all sessions but `keep`. False, and nothing is stored, if `epoch` is no longer the epoch of
    /// the password.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn set_password(
        &self,
        id: AccountId,
        epoch: i64,
        phc: &str,
        keep: SessionId,
        now: i64,
    ) -> Result<bool> {
        let params = [Value::Text(phc), Value::Int(id.0), Value::Int(epoch)];
        self.write(id, |engine| {
            if engine.run(&SET_PASSWORD, &params)?.is_empty() {
                return Ok(false);
            }
            let ended = engine.run(&END_OTHER_SESSIONS, &[Value::Int(id.0), Value::Int(keep.0)])?;
            end_sessions(engine, &ended, now)?;
            void_codes(engine, CodePurpose::Reset, id)?;
            Ok(true)
        })
    }

    /// Replaces the hash of an unchanged password by a better one; false if `old` is no longer its hash.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn rehash(&self, id: AccountId, old: &str, new: &str) -> Result<bool> {
        let params = [Value::Text(new), Value::Int(id.0), Value::Text(old)];
        self.write(id, |engine| Ok(!engine.run(&REPLACE_HASH, &params)?.is_empty()))
    }

    /// Deletes an account with its email, name, password, sessions and log. [`Store::run_eraser`] removes them from the database's
    /// files as well; from SQLite's file they are removed at once, unless a reader holds an older state. Its messages stay with
    /// their recipients; messages without a remaining reader are deleted. False if there is no such account.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn delete_account(&self, id: AccountId, now: i64) -> Result<bool> {
        let is_deleted = self.write(id, |engine| delete(engine, id, now))?;
        if is_deleted && let Err(error) = self.erase_at_once(id) {
            // The account is deleted nevertheless. Only somebody who has the files could still find traces of it.
            tracing::debug!(%error, "a deleted account is not yet erased from the database's files");
        }
        Ok(is_deleted)
    }
}

/// The part of a deletion that must be one transaction. The rest may be many rows; [`Store::erase_account_rows`] deletes them in steps.
fn delete(engine: &mut dyn Engine, id: AccountId, now: i64) -> Result<bool> {
    let account = id;
    let id = [Value::Int(id.0)];
    if engine.run(&LOCK_LOG, &id)?.is_empty() {
        return Ok(false);
    }
    picture::remove(engine, account)?;
    engine.run(&CLEAR_ACCOUNT, &id)?;
    // The email key is free now, so another account with an equivalent email may get it; see `crate::email`.
    fill_keys(engine)?;
    let ended = engine.run(&END_SESSIONS, &id)?;
    end_sessions(engine, &ended, now)?;
    engine.run(&ADD_ERASURE, &[id[0], Value::Int(now)])?;
    for sql in [
        &DELETE_LOG,
        &DELETE_CODES,
        &DELETE_BLOCKS,
        &END_REQUESTS_LOW,
        &END_REQUESTS_HIGH,
        &DELETE_INVITATIONS,
        &DELETE_LEFT_MEMBERSHIPS,
    ] {
        engine.run(sql, &id)?;
    }
    Ok(true)
}

fn credentials(row: &mut Row) -> Result<Credentials> {
    Ok(Credentials {
        account: account(row)?,
        phc: row.text(7)?,
        epoch: row.int(8)?,
        is_disabled: row.maybe_int(9)?.is_some(),
    })
}

statements! {
    static ADD_ACCOUNT: Statement = Statement::both(
        "insert into account (email, email_key, name, password, created_at, proved) \
         values ($1, $2, $3, $4, $5, $6) returning id"
    );

    static ADD_LOG: Statement = Statement::both("insert into log (account) values ($1)");

    static FIND_ACCOUNT: Statement = Statement::both(
        concat!("select ", columns!(), " from account where id = $1 and email is not null")
    );

    static FIND_ANY: Statement = Statement::both("select id from account limit 1");

    static FIND_BY_EMAIL: Statement =
        Statement::both(concat!("select ", columns!(), " ", by_email!()));

    static CREDENTIALS_BY_EMAIL: Statement = Statement::both(
        concat!("select ", columns!(), ", password, epoch, disabled_at ", by_email!())
    );

    static CREDENTIALS_BY_ID: Statement = Statement::both(concat!(
        "select ", columns!(), ", password, epoch, disabled_at from account where id = $1 \
         and email is not null and password is not null"
    ));

    static SET_NAME: Statement = Statement::both(
        concat!("update account set name = $1 where id = $2 and email is not null returning ", columns!())
    );

    static SET_PASSWORD: Statement = Statement::both(
        "update account set password = $1, epoch = epoch + 1 where id = $2 and epoch = $3 \
         and password is not null returning id"
    );

    static END_OTHER_SESSIONS: Statement =
        Statement::both("delete from session where account = $1 and id <> $2 returning id");

    static REPLACE_HASH: Statement =
        Statement::both(
            "update account set password = $1 where id = $2 and password = $3 returning id"
        );

    static LOCK_LOG: Statement = locking!("select account from log where account = $1");

    static CLEAR_ACCOUNT: Statement = Statement::both(
        "update account set email = null, email_key = null, name = null, password = null, next_email = null \
         where id = $1"
    );

    static DELETE_CODES: Statement = Statement::both("delete from access_code where account = $1");

    static ADD_ERASURE: Statement = Statement::both("insert into erasure (account, at) values ($1, $2)");

    /// Without the log nobody can read its events. They are deleted later, with the other rows of the account.
    static DELETE_LOG: Statement = Statement::both("delete from log where account = $1");

    static DELETE_BLOCKS: Statement = Statement::both("delete from block where blocked = $1 or account = $1");

    /// Ends the contact requests in both directions. Declined requests of the account stay, so that their messages stay withheld.
    static END_REQUESTS_LOW: Statement = Statement::both(
        "update conversation set asker = null, asks = 0, declined = 0 where high = $1 and asker is not null \
         and (declined = 0 or asker <> $1)"
    );

    static END_REQUESTS_HIGH: Statement = Statement::both(
        "update conversation set asker = null, asks = 0, declined = 0 where low = $1 and asker is not null \
         and (declined = 0 or asker <> $1)"
    );

    static DELETE_INVITATIONS: Statement = Statement::both("delete from invitation where account = $1");

    /// Deletes the rows of groups that the account has left. Groups that it is still a member of get an event that it has left; see
    /// `Store::deleted_members`.
    static DELETE_LEFT_MEMBERSHIPS: Statement =
        Statement::both("delete from member where account = $1 and until is not null");
}
