//! Deletes expired files, and objects of the file store that are a piece of no file.
//!
//! Every object is named in the table `blob` before it is written, and its row goes after it. So whatever is killed when, no object
//! is forgotten, and none is deleted that a file needs. Several processes may do this at once.

use wire::AccountId;

use crate::engine::{BatchStatement, Statement, Value, statements};
use crate::limit::COLLECTED_PAGE;
use crate::pool::Requester;
use crate::upload::remove_file;
use crate::{Result, Store};

impl Store {
    /// Deletes files that no message and no account has any more, or whose time is over; none by age while the machine's clock is in doubt.
    /// Their objects are left to [`Store::unneeded_blobs`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what is deleted stays so.
    pub fn collect_files(&self, now: i64) -> Result<()> {
        // A file that has lost its last message expires at time 0.
        let before = Value::Int(self.clock.sweep_by(now).unwrap_or(0));
        loop {
            let params = [before, Value::Int(COLLECTED_PAGE)];
            let page = self.read(Requester::Server, &EXPIRED_FILES, &params, |row| {
                Ok((row.text(0)?, row.maybe_int(1)?.map(AccountId)))
            })?;
            for (id, owner) in &page {
                self.write_in_background(Requester::Server, |engine| {
                    remove_file(engine, *owner, id, before, now)
                })?;
            }
            if page.len() < COLLECTED_PAGE as usize {
                return Ok(());
            }
        }
    }

    /// Names of objects to delete from the file store: from now on none of them can become a piece of a file. Once they are
    /// deleted, or if they never were there, [`Store::forget_blobs`] takes them from the list.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn unneeded_blobs(&self, now: i64) -> Result<Vec<String>> {
        let before = Value::Int(self.clock.sweep_by(now).unwrap_or(0));
        let params = [before, Value::Int(COLLECTED_PAGE)];
        let names = self.read(Requester::Server, &EXPIRED_BLOBS, &params, |row| row.text(0))?;
        if names.is_empty() {
            return Ok(names);
        }
        let rows: Vec<_> = names.iter().map(|name| vec![Value::Text(name), before]).collect();
        self.write_in_background(Requester::Server, |engine| {
            let mut taken = engine.run_batch(&TAKE_BLOBS, &rows)?;
            taken.iter_mut().map(|row| row.text(0)).collect()
        })
    }

    /// Removes deleted objects from the list.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn forget_blobs(&self, names: &[String]) -> Result<()> {
        let rows: Vec<_> = names.iter().map(|name| vec![Value::Text(name)]).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.write_in_background(Requester::Server, |engine| {
            engine.run_batch(&FORGET_BLOBS, &rows).map(drop)
        })
    }
}

statements! {
    static EXPIRED_FILES: Statement = Statement::both(
        "select id, owner from file where expires_at is not null and expires_at <= $1 order by expires_at, id limit $2"
    );

    static EXPIRED_BLOBS: Statement = Statement::both(
        "select name from blob where expires_at is not null and expires_at <= $1 order by expires_at, name limit $2"
    );

    static TAKE_BLOBS: BatchStatement = BatchStatement::of(Statement {
        postgres:
            "update blob set expires_at = 0 from unnest($1::text[], $2::bigint[]) as r(name, before) \
             where blob.name = r.name and blob.expires_at <= r.before returning blob.name",
        sqlite: "update blob set expires_at = 0 where name = ?1 and expires_at <= ?2 returning name",
    });

    static FORGET_BLOBS: BatchStatement = BatchStatement::of(Statement {
        postgres: "delete from blob where name in (select r.name from unnest($1::text[]) as r(name)) and expires_at = 0",
        sqlite: "delete from blob where name = ?1 and expires_at = 0",
    });
}
