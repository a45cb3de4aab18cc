//! Changes of an account's email, and the proof that an email belongs to the account's owner.

use wire::{AccountId, Email};

use crate::account::{LOCK_ACCOUNT, LOCK_ACCOUNT_BY_EMAIL, account, columns};
use crate::code::{use_code, void_codes};
use crate::email::fill_keys;
use crate::engine::{Engine, Statement, Value, statements};
use crate::pool::Requester;
use crate::{Account, CodePurpose, Error, Result, ShownCode, Store};

/// A code that is presented to prove an email.
#[derive(Clone, Copy, Debug)]
pub struct EmailProof<'a> {
    /// The account, from [`Store::account_by_code`].
    pub account: &'a Account,
    /// The code, with its hash for the account's present email.
    pub current: ShownCode,
    /// The code, with its hash for the account's next email, if it has one.
    pub next: Option<ShownCode>,
    /// The time, in milliseconds.
    pub now: i64,
}

impl Store {
    /// Gives an account another email, which needs no proof; `None` if the account is deleted.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if the email is taken. [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn set_email(&self, id: AccountId, email: &str) -> Result<Option<Account>> {
        self.write(id, |engine| {
            if engine.run(&LOCK_ACCOUNT, &[Value::Int(id.0)])?.is_empty() {
                return Ok(None);
            }
            replace(engine, id, email)?;
            engine.run(&FIND, &[Value::Int(id.0)])?.iter_mut().map(account).next().transpose()
        })
    }

    /// Stores the email that an account gets once the email is proved. Without an email, the account keeps its present one. `None` if
    /// the account is deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn set_next_email(&self, id: AccountId, email: Option<&str>) -> Result<Option<Account>> {
        let params = [Value::maybe_text(email), Value::Int(id.0)];
        self.write(id, |engine| {
            engine.run(&SET_NEXT, &params)?.iter_mut().map(account).next().transpose()
        })
    }

    /// Proves an email with a code that was mailed to it: the present email of the account, or its next one, which becomes the present
    /// one. False, and nothing is stored, if the code is no longer valid, or was mailed to neither of the two.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if another account has got the email meanwhile. [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn prove_email(&self, proof: &EmailProof<'_>) -> Result<bool> {
        let Account { id, email, next_email, .. } = proof.account;
        let (purpose, trusted) = (CodePurpose::Confirmation, self.clock.trusted_by(proof.now));
        self.write(Requester::Stranger, |engine| {
            let is_as_it_was = [Value::Int(id.0), Value::Text(email)];
            let found = engine.run(&LOCK_ACCOUNT_BY_EMAIL, &is_as_it_was)?;
            let mut rows = engine.run(&FIND, &[Value::Int(id.0)])?;
            let Some(row) = rows.first_mut().filter(|_| !found.is_empty()) else {
                return Ok(false);
            };
            if account(row)?.next_email != *next_email {
                return Ok(false);
            }
            if let (Some(code), Some(next)) = (&proof.next, next_email)
                && use_code(engine, purpose, code, trusted)?.is_some()
            {
                replace(engine, *id, next)?;
                return Ok(true);
            }
            if use_code(engine, purpose, &proof.current, trusted)?.is_none() {
                return Ok(false);
            }
            engine.run(&PROVE, &[Value::Int(id.0)])?;
            Ok(true)
        })
    }
}

/// Gives a locked account another email, and ends the codes that would prove the old one.
fn replace(engine: &mut dyn Engine, id: AccountId, email: &str) -> Result<()> {
    let Email { text, key } = Email::claimed(email).map_err(|it| Error::Internal(it.to_owned()))?;
    let params = [Value::Text(&text), Value::maybe_text(key.as_deref()), Value::Int(id.0)];
    engine.run(&SET_EMAIL, &params)?;
    // The old email key is free now, so another account with an equivalent email may get it; see `crate::email`.
    fill_keys(engine)?;
    void_codes(engine, CodePurpose::Confirmation, id)
}

statements! {
    static FIND: Statement = Statement::both(
        concat!("select ", columns!(), " from account where id = $1 and email is not null")
    );

    static SET_EMAIL: Statement = Statement::both(
        "update account set email = $1, email_key = $2, proved = 1, next_email = null where id = $3"
    );

    static SET_NEXT: Statement = Statement::both(concat!(
        "update account set next_email = $1 where id = $2 and email is not null returning ", columns!()
    ));

    static PROVE: Statement = Statement::both("update account set proved = 1 where id = $1");
}
