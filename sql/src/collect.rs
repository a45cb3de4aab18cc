//! Deletes expired files, and objects of the file store that are no piece of a file.
//!
//! An object has a row in the table `blob` before it is written, and the row is deleted after the object. So wherever a process is
//! killed, no object is forgotten, and no object that a file needs is deleted. Several processes may collect at the same time.

use wire::AccountId;

use crate::engine::{BatchStatement, Engine, Statement, Value, locking, statements};
use crate::limit::COLLECTED_PAGE;
use crate::pacer::Pacer;
use crate::pool::Requester;
use crate::quota::Size;
use crate::upload::{ADD_SIZE, expire_blob, lock_log};
use crate::{Result, Store};

/// The outcome of removing an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The upload was removed.
    Removed,
    /// The account has no such file.
    NotFound,
    /// A message has the file, or the file is the picture of its account.
    InUse,
}

impl Store {
    /// Removes an upload, complete or not, that no message has.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; after [`crate::Error::InDoubt`] the change is stored or not.
    pub fn remove_upload(&self, account: AccountId, id: &str, now: i64) -> Result<Removal> {
        if self.upload(account, id, now)?.is_none() {
            return Ok(Removal::NotFound);
        }
        let before = Value::Int(i64::MAX);
        let is_removed =
            self.write(account, |engine| take_file(engine, Some(account), id, before))?;
        Ok(if is_removed { Removal::Removed } else { Removal::InUse })
    }

    /// Deletes files that no message and no account has any more, and expired uploads. While the machine's clock is in doubt, nothing is
    /// deleted because of its age. The objects of the files are left to [`Store::unneeded_blobs`].
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; files that are already deleted stay deleted.
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

    /// Names of objects that the caller must delete from the file store. From now on none of them can become a piece of a file. After
    /// the deletion, and also if an object was never written, the caller passes the names to [`Store::forget_blobs`].
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

    /// Deletes the rows of objects that are no longer in the file store.
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

/// Takes a file that expires before a time away from its owner, and subtracts its size from the owner's quota. False if there is no such
/// file, or it is in use. From then on nobody sees the file; [`Store::collect_files`] deletes it with its pieces.
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

/// Deletes up to this number of pieces of a file without an owner, beginning with the last one. With the first piece the file is deleted.
/// Returns whether there may be more. The objects expire [`BLOB_KEPT_MS`] later, unless another file has them.
pub(crate) fn erase_pieces(
    engine: &mut dyn Engine,
    id: &str,
    rows_max: i64,
    now: i64,
) -> Result<bool> {
    let (id, most) = (Value::Text(id), Value::Int(rows_max));
    // If two processes erase the same file, the second one waits here.
    if engine.run(&LOCK_TAKEN, &[id])?.is_empty() {
        return Ok(false);
    }
    // The objects are locked first. So an upload that reuses one of them has either done so before, or does not find it.
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
    /// Files of a deleted account have no owner already.
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
