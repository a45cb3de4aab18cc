//! Sets a new password by a code, without the old one.

use crate::account::LOCK_ACCOUNT_BY_EMAIL;
use crate::code::{use_code, void_codes};
use crate::engine::{Statement, Value, statements};
use crate::pool::Requester;
use crate::session::{END_SESSIONS, end_sessions};
use crate::{Account, CodePurpose, Result, ShownCode, Store};

/// A password to be set by a code. Without `Debug`: a hash does not belong into a log.
#[derive(Clone, Copy)]
pub struct PasswordReset<'a> {
    /// The account, as [`Store::account_by_code`] gave it.
    pub account: &'a Account,
    /// The code, and its hash with the account's email.
    pub code: ShownCode,
    /// The hash of the new password, as a PHC string.
    pub phc: &'a str,
    /// The time, in milliseconds.
    pub now: i64,
}

impl Store {
    /// Sets a new password, ends all sessions of the account and all other codes that would set a password. A code that was sent
    /// to the account's email proves the email. False, and nothing is stored, if the code is not good any more, or if it was sent to
    /// an email that the account no longer has. A disabled account stays disabled.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; [`crate::Error::InDoubt`] leaves it open.
    pub fn reset_password(&self, reset: &PasswordReset<'_>) -> Result<bool> {
        let id = Value::Int(reset.account.id.0);
        let is_as_it_was = [id, Value::Text(&reset.account.email)];
        let trusted = self.clock.trusted_by(reset.now);
        self.write(Requester::Stranger, |engine| {
            if engine.run(&LOCK_ACCOUNT_BY_EMAIL, &is_as_it_was)?.is_empty() {
                return Ok(false);
            }
            let used = use_code(engine, CodePurpose::Reset, &reset.code, trusted)?;
            let Some(used) = used else { return Ok(false) };
            engine.run(&REPLACE_PASSWORD, &[Value::Text(reset.phc), used.is_mailed.into(), id])?;
            let ended = engine.run(&END_SESSIONS, &[id])?;
            end_sessions(engine, &ended, reset.now)?;
            void_codes(engine, CodePurpose::Reset, reset.account.id)?;
            Ok(true)
        })
    }
}

statements! {
    static REPLACE_PASSWORD: Statement = Statement::both(
        "update account set password = $1, epoch = epoch + 1, proved = case when $2 > proved then 1 else proved end \
         where id = $3 and password is not null returning id"
    );
}
