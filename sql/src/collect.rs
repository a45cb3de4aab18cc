//! Deletes expired files, and objects of the file store that are a piece of no file.
//!
//! Every object is named in the table `blob` before it is written, and its row goes after it. So whatever is killed when, no object
//! is forgotten, and none is deleted that a file needs. Several processes may do this at once.

use wire::AccountId;

use crate::engine::{BatchStatement, Engine, Statement, Value, locking, statements};
use crate::limit::COLLECTED_PAGE;
use crate::pacer::Pacer;
use crate::pool::Requester;
use crate::quota::Size;
use crate::upload::{ADD_SIZE, expire_blob, lock_log};
use crate::{Result, Store};

/// Whether an upload was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It was.
    Removed,
    /// The account has no such file.
    NotFound,
    /// A message has it, or it is the picture of its account.
    InUse,
}

impl Store {
    /// Removes a file that no message has, whole or not.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; [`crate::Error::InDoubt`] leaves it open.
    pub fn remove_upload(&self, account: AccountId, id: &str, now: i64) -> Result<Removal> {
        if self.upload(account, id, now)?.is_none() {
            return Ok(Removal::NotFound);
        }
        let before = Value::Int(i64::MAX);
        let is_removed =
            self.write(account, |engine| take_file(engine, Some(account), id, before))?;
        Ok(if is_removed { Removal::Removed } else { Removal::InUse })
    }

    /// Deletes files that no message and no account has any more, or whose time is over; none by age while the machine's clock is in doubt.
    /// Their objects are left to [`Store::unneeded_blobs`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; what is deleted stays so.
    pub fn collect_files(&self, now: i64) -> Result<()> {
        // A file that has lost its last message expires at time 0.
        let before = Value::Int(self.clock.sweep_by(now).unwrap_or(0));
        let mut pacer = Pacer::new();
        loop {
            let params = [before, Value::Int(COLLECTED_PAGE)];
            let page = self.read(Requester::Server, &EXPIRED_FILES, &params, |row| {
                Ok((row.text(0)?, row.maybe_int(1)?.map(AccountId)))
            })?;
            for (id, owner) in &page {
                self.write_in_background(Requester::Server, |engine| {
                    take_file(engine, *owner, id, before)
                })?;
                let step = |engine: &mut dyn Engine, rows| erase_pieces(engine, id, rows, now);
                while self.write_paced(&mut pacer, step)? {}
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

/// Takes a file that expires before a time from its owner, and gives its bytes back to the quota. False if there is none, or something
/// needs it. From then on nobody sees it; [`Store::collect_files`] deletes it with its pieces.
pub(crate) fn take_file(
    engine: &mut dyn Engine,
    owner: Option<AccountId>,
    id: &str,
    before: Value<'_>,
) -> Result<bool> {
    if let Some(owner) = owner {
        lock_log(engine, owner)?;
    }
    let owner = Value::Int(owner.map_or(0, |owner| owner.0));
    let taken = engine.run(&TAKE_FILE, &[Value::Text(id), owner, before])?;
    let Some(row) = taken.first() else { return Ok(false) };
    let Size { stored, overhead } = -Size::of_file(row.int(0)?);
    engine.run(&ADD_SIZE, &[Value::Int(stored), Value::Int(overhead), owner])?;
    Ok(true)
}

/// Deletes at most this many pieces of a file that is taken from its owner, from the last one on, and with the first one the file; true
/// if there may be more. Its objects are deleted [`BLOB_KEPT_MS`] later, unless another file has them.
pub(crate) fn erase_pieces(
    engine: &mut dyn Engine,
    id: &str,
    rows_max: i64,
    now: i64,
) -> Result<bool> {
    let (id, most) = (Value::Text(id), Value::Int(rows_max));
    // Of two that do this the second one waits here.
    if engine.run(&LOCK_TAKEN, &[id])?.is_empty() {
        return Ok(false);
    }
    // Locked first: whoever makes one a piece of another file has done so before what follows, or will not find it.
    engine.run(&LOCK_BLOBS, &[id, most])?;
    let mut blobs = engine.run(&REMOVE_PIECES, &[id, most])?;
    for row in &mut blobs {
        expire_blob(engine, &row.text(0)?, now)?;
    }
    if blobs.len() as i64 == rows_max {
        return Ok(true);
    }
    engine.run(&REMOVE_FILE, &[id])?;
    Ok(false)
}

statements! {
    /// A deleted account has taken its hands off already.
    static TAKE_FILE: Statement = Statement::both(
        "update file set owner = null, expires_at = 0 where id = $1 and coalesce(owner, 0) = $2 \
         and expires_at is not null and expires_at <= $3 returning size"
    );

    static LOCK_TAKEN: Statement =
        locking!("select id from file where id = $1 and owner is null and expires_at is not null");

    static LOCK_BLOBS: Statement = locking!(
        "select name from blob where name in (select blob from piece where file = $1 order by start desc limit $2) \
         order by name"
    );

    static REMOVE_PIECES: Statement = Statement::both(
        "delete from piece where file = $1 and start in (select start from piece where file = $1 \
         order by start desc limit $2) returning blob"
    );

    static REMOVE_FILE: Statement =
        Statement::both("delete from file where id = $1 and owner is null and expires_at is not null");

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
