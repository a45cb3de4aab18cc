//! Pictures of accounts: files that they have uploaded, seen by whoever may see their names, except by accounts that have
//! blocked them or have not answered their requests.

use wire::AccountId;

use crate::contact::{picture_seen, sees_name};
use crate::engine::{Engine, Statement, Value, locking, statements};
use crate::limit::PICTURE_BYTES_MAX;
use crate::upload::lock_log;
use crate::{Result, Store};

/// Whether an account has another picture now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureOutcome {
    /// It has, or none any more.
    Changed,
    /// The account is deleted.
    NoAccount,
    /// It has not uploaded the whole of such a file, or that is no image of at most [`PICTURE_BYTES_MAX`].
    NoPicture,
}

impl Store {
    /// Gives an account the picture with this file's id, or takes its picture away. The file stays as long as it is the picture; one
    /// that is so no longer, and that no message has, is deleted soon.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; [`crate::Error::InDoubt`] leaves it open.
    pub fn set_picture(
        &self,
        account: AccountId,
        file: Option<&str>,
        now: i64,
    ) -> Result<PictureOutcome> {
        let trusted = self.clock.trusted_by(now);
        self.write(account, |engine| {
            if lock_log(engine, account)?.is_none() {
                return Ok(PictureOutcome::NoAccount);
            }
            let before = picture(engine, account)?;
            if before.as_deref() == file {
                return Ok(PictureOutcome::Changed);
            }
            let files = [before.as_deref(), file].map(Value::maybe_text);
            engine.run(&LOCK_FILES, &files)?;
            if let Some(file) = file {
                let bounds = [trusted, PICTURE_BYTES_MAX].map(Value::Int);
                let params = [Value::Text(file), Value::Int(account.0), bounds[0], bounds[1]];
                if engine.run(&KEEP_PICTURE, &params)?.is_empty() {
                    return Ok(PictureOutcome::NoPicture);
                }
            }
            replace(engine, account, before.as_deref(), file)?;
            Ok(PictureOutcome::Changed)
        })
    }

    /// Whether this file is the picture of an account whose picture `account` may see.
    pub(crate) fn sees_picture(&self, account: AccountId, id: &str) -> Result<bool> {
        let params = [Value::Text(id), Value::Int(account.0), self.contact.is_open()];
        Ok(!self.read(account, &IS_SEEN, &params, |_| Ok(()))?.is_empty())
    }
}

/// Takes the picture of an account that is being deleted. Its log is locked.
pub(crate) fn remove(engine: &mut dyn Engine, account: AccountId) -> Result<()> {
    let before = picture(engine, account)?;
    if before.is_none() {
        return Ok(());
    }
    engine.run(&LOCK_FILES, &[Value::maybe_text(before.as_deref()), Value::Null])?;
    replace(engine, account, before.as_deref(), None)
}

fn picture(engine: &mut dyn Engine, account: AccountId) -> Result<Option<String>> {
    let mut found = engine.run(&FIND_PICTURE, &[Value::Int(account.0)])?;
    found.first_mut().map_or(Ok(None), |row| row.maybe_text(0))
}

fn replace(
    engine: &mut dyn Engine,
    account: AccountId,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<()> {
    engine.run(&SET_PICTURE, &[Value::maybe_text(after), Value::Int(account.0)])?;
    if let Some(before) = before {
        engine.run(&EXPIRE_PICTURE, &[Value::Text(before)])?;
    }
    Ok(())
}

statements! {
    static FIND_PICTURE: Statement = Statement::both("select picture from account where id = $1");

    static LOCK_FILES: Statement =
        locking!("select id from file where id = cast($1 as text) or id = cast($2 as text) order by id");

    /// It is no longer deleted by age.
    static KEEP_PICTURE: Statement = Statement::both(
        "update file set expires_at = null where id = $1 and owner = $2 and received = size and kind like 'image/%' \
         and (expires_at is null or expires_at > $3) and size <= $4 returning id"
    );

    static SET_PICTURE: Statement = Statement::both("update account set picture = $1 where id = $2");

    static EXPIRE_PICTURE: Statement = Statement::both(
        "update file set expires_at = 0 where id = $1 and not exists (select 1 from message_file x where x.file = file.id)"
    );

    static IS_SEEN: Statement = Statement::both(concat!(
        "select 1 from (select cast($1 as text) as file, cast($2 as bigint) as viewer, cast($3 as bigint) as open) q \
         join account a on a.picture = q.file and a.email is not null where (q.open = 1 or ",
        sees_name!("q.viewer", "a.id"),
        ") and ",
        picture_seen!("q.viewer", "a.id"),
        " is not null"
    ));
}
