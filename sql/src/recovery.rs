//! Sets a new password with an access code, without the old password.

use crate::account::LOCK_ACCOUNT_BY_EMAIL;
use crate::code::{use_code, void_codes};
use crate::engine::{Statement, Value, statements};
use crate::pool::Requester;
use crate::session::{END_SESSIONS, end_sessions};
use crate::{Account, CodePurpose, Result, ShownCode, Store};

/// A password that is to be set with a code. Not `Debug`, so that no hash gets into a log.
#[derive(Clone, Copy)]
pub struct PasswordReset<'a> {
    /// The account, from [`Store::account_by_code`].
    pub account: &'a Account,
    /// The code, and its hash with the account's email.
    pub code: ShownCode,
    /// The hash of the new password, as a PHC string.
    pub phc: &'a str,
    /// The time, in milliseconds.
    pub now: i64,
}

impl Store {
    /// Sets a new password. Ends all sessions of the account, and all other codes that could set its password. If the code was sent
    /// to the account's email, the email is proved. A disabled account stays disabled. False, and nothing is stored, if the code is
    /// no longer valid, or was sent to an email that the account no longer has.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
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
