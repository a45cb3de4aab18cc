//! Access codes, which people get in a link and use without a session: invitations to sign up, password resets, and proofs of emails.
//!
//! Only hashes of codes are stored. A code that is valid for one email only is stored with a hash of the code and the email together,
//! so the table contains no email. Used codes stay until they expire, so that the codes that were mailed can be counted.

use wire::{AccountId, TokenHash};

use crate::account::{LOCK_ACCOUNT, account, columns};
use crate::engine::{Engine, Statement, Value, statements};
use crate::limit::{MAILED_CODES_INTERVAL_MS, MAILED_CODES_MAX};
use crate::pool::Requester;
use crate::{Account, Result, Store};

/// The purpose of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// Signing up.
    Invitation = 1,
    /// Setting a new password without the old one.
    Reset = 2,
    /// Proving an email.
    Confirmation = 3,
}

/// An invitation to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Invitation {
    /// The hash of its code.
    pub hash: TokenHash,
    /// The hash of its code together with the only email that it is valid for; `None`: any email.
    pub email: Option<TokenHash>,
    /// The number of accounts that can be created with it.
    pub uses: i64,
    /// The time of its creation, in milliseconds.
    pub now: i64,
    /// The time at which it expires, in milliseconds.
    pub expires_at: i64,
}

/// A code for an account, valid once, to be stored.
#[derive(Clone, Copy, Debug)]
pub struct AccountCode {
    /// Its purpose, which is not [`CodePurpose::Invitation`].
    pub purpose: CodePurpose,
    /// Its account.
    pub account: AccountId,
    /// The hash of the code.
    pub hash: TokenHash,
    /// The hash of the code together with the email that it is sent to; `None`: the code is not sent by mail.
    pub email: Option<TokenHash>,
    /// The time of its creation, in milliseconds.
    pub now: i64,
    /// The time at which it expires, in milliseconds.
    pub expires_at: i64,
}

/// A code that a client presents.
#[derive(Clone, Copy, Debug)]
pub struct ShownCode {
    /// The hash of the code.
    pub hash: TokenHash,
    /// The hash of the code together with the email that it is used for.
    pub email: TokenHash,
}

impl Store {
    /// Stores an invitation.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the invitation may exist, and nobody has its code.
    pub fn add_invitation(&self, new: &Invitation) -> Result<()> {
        let email = new.email.as_ref().map_or(Value::Null, |hash| Value::Bytes(&hash.0));
        let params = [
            Value::Bytes(&new.hash.0),
            Value::Int(CodePurpose::Invitation as i64),
            Value::Null,
            email,
            Value::Int(0),
            Value::Int(new.uses),
            Value::Int(new.now),
            Value::Int(new.expires_at),
        ];
        self.write(Requester::Server, |engine| engine.run(&ADD_CODE, &params).map(drop))
    }

    /// Whether an invitation is valid. [`Store::sign_up`] uses it up.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn is_invited(&self, code: &ShownCode, now: i64) -> Result<bool> {
        let params = parameters(CodePurpose::Invitation, code, self.clock.trusted_by(now));
        Ok(!self.read(Requester::Stranger, &FIND_CODE, &params, |row| row.int(0))?.is_empty())
    }

    /// Stores a code for an account. False, and nothing is stored, if the account is deleted. The same if the code is to be mailed,
    /// and the account got 3 mails with codes of this purpose within the last hour (`MAILED_CODES_MAX`).
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the code may exist, and nobody has it.
    pub fn add_account_code(&self, new: &AccountCode) -> Result<bool> {
        let (account, purpose) = (Value::Int(new.account.0), Value::Int(new.purpose as i64));
        let email = new.email.as_ref().map_or(Value::Null, |hash| Value::Bytes(&hash.0));
        let added = [
            Value::Bytes(&new.hash.0),
            purpose,
            account,
            email,
            new.email.is_some().into(),
            Value::Int(1),
            Value::Int(new.now),
            Value::Int(new.expires_at),
        ];
        let since = Value::Int(new.now - MAILED_CODES_INTERVAL_MS);
        let mailed = [account, purpose, since, Value::Int(new.now)];
        self.write(new.account, |engine| {
            if engine.run(&LOCK_ACCOUNT, &[account])?.is_empty() {
                return Ok(false);
            }
            if new.email.is_some() {
                let count = engine.run(&COUNT_MAILED, &mailed)?;
                if count.first().map_or(Ok(0), |row| row.int(0))? >= MAILED_CODES_MAX {
                    return Ok(false);
                }
            }
            engine.run(&ADD_CODE, &added)?;
            Ok(true)
        })
    }

    /// The account of a code that is still valid.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn account_by_code(
        &self,
        purpose: CodePurpose,
        hash: &TokenHash,
        now: i64,
    ) -> Result<Option<Account>> {
        let trusted = Value::Int(self.clock.trusted_by(now));
        let params = [Value::Bytes(&hash.0), Value::Int(purpose as i64), trusted];
        Ok(self.read(Requester::Stranger, &FIND_ACCOUNT_BY_CODE, &params, account)?.pop())
    }
}

/// A code that was valid.
pub(crate) struct UsedCode {
    /// Whether it was mailed to the email that it was presented for.
    pub(crate) is_mailed: bool,
}

/// Uses up a code; `None` if it is not valid. Must be called in the transaction that the code allows. `trusted`: the time by
/// [`trusted_by`](crate::clock::Clock::trusted_by).
pub(crate) fn use_code(
    engine: &mut dyn Engine,
    purpose: CodePurpose,
    code: &ShownCode,
    trusted: i64,
) -> Result<Option<UsedCode>> {
    let used = engine.run(&USE_CODE, &parameters(purpose, code, trusted))?;
    used.first().map(|row| Ok(UsedCode { is_mailed: row.int(0)? != 0 })).transpose()
}

/// Ends all codes of an account for a purpose.
pub(crate) fn void_codes(
    engine: &mut dyn Engine,
    purpose: CodePurpose,
    account: AccountId,
) -> Result<()> {
    engine.run(&VOID_CODES, &[Value::Int(account.0), Value::Int(purpose as i64)]).map(drop)
}

fn parameters(purpose: CodePurpose, code: &ShownCode, trusted: i64) -> [Value<'_>; 4] {
    [
        Value::Bytes(&code.hash.0),
        Value::Int(purpose as i64),
        Value::Int(trusted),
        Value::Bytes(&code.email.0),
    ]
}

statements! {
    static ADD_CODE: Statement = Statement::both(
        "insert into access_code (hash, purpose, account, email_hash, mailed, uses, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)"
    );

    static FIND_CODE: Statement = Statement::both(
        "select uses from access_code where hash = $1 and purpose = $2 and expires_at > $3 and uses > 0 \
         and (email_hash is null or email_hash = $4)"
    );

    static USE_CODE: Statement = Statement::both(
        "update access_code set uses = uses - 1 where hash = $1 and purpose = $2 and expires_at > $3 \
         and uses > 0 and (email_hash is null or email_hash = $4) returning mailed"
    );

    static FIND_ACCOUNT_BY_CODE: Statement = Statement::both(concat!(
        "select ", columns!(), " from account where id = (select account from access_code where hash = $1 \
         and purpose = $2 and expires_at > $3 and uses > 0) and email is not null"
    ));

    static COUNT_MAILED: Statement = Statement::both(
        "select count(*) from access_code where account = $1 and purpose = $2 and mailed <> 0 \
         and created_at > $3 and created_at <= $4"
    );

    static VOID_CODES: Statement =
        Statement::both("update access_code set uses = 0 where account = $1 and purpose = $2");

    /// Deletes expired codes.
    pub(crate) static DELETE_OLD_CODES: Statement = Statement::both("delete from access_code where expires_at <= $1");
}
