//! Pictures of accounts. A picture is a file that the account has uploaded. An account sees the pictures of accounts whose names it may
//! see, except of those that it has blocked or whose requests it has not answered.

use wire::AccountId;

use crate::contact::{picture_seen, sees_name};
use crate::engine::{Engine, Statement, Value, locking, statements};
use crate::limit::PICTURE_BYTES_MAX;
use crate::upload::lock_log;
use crate::{Result, Store};

/// The outcome of setting a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureOutcome {
    /// The account has the picture, or has none any more.
    Changed,
    /// The account is deleted.
    NoAccount,
    /// The account has no complete upload with this id, or the file is not an image of at most [`PICTURE_BYTES_MAX`] bytes.
    NoPicture,
}

impl Store {
    /// Makes the file with this id the picture of an account, or removes the account's picture. The file does not expire while it is the
    /// picture. A former picture that no message has is deleted soon.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
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

/// Removes the picture of an account that is being deleted. The caller has locked the account's log.
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

    /// Removes the expiry of the file.
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
