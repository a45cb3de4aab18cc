//! Files, for accounts that may fetch them.

use wire::AccountId;

use crate::engine::{Statement, Value, statements};
use crate::limit::{PIECE_BYTES_MAX, PIECES_PAGE};
use crate::{Result, Store};

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub name: String,
    /// Its media type, as its owner says.
    pub claimed: String,
    /// Its media type by its first bytes; `None` if a browser must not show it.
    pub kind: Option<String>,
    /// Its length, in bytes.
    pub size: i64,
}

/// A piece of a file: an object of the file store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first byte in the file.
    pub start: i64,
    /// Its length, in bytes.
    pub size: i64,
    /// The object's name.
    pub blob: String,
}

impl Store {
    /// A whole file that `account` owns, that a message has which the account sees, or that is the picture of somebody whose name
    /// it may see.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn file(&self, account: AccountId, id: &str, now: i64) -> Result<Option<StoredFile>> {
        let params = [Value::Text(id), Value::Int(self.clock.trusted_by(now))];
        let found = self.read(account, &FIND_FILE, &params, |row| {
            let (name, claimed, kind) = (row.text(1)?, row.text(2)?, row.maybe_text(3)?);
            Ok((row.maybe_int(0)?, StoredFile { name, claimed, kind, size: row.int(4)? }))
        })?;
        let Some((owner, file)) = found.into_iter().next() else { return Ok(None) };
        let is_seen = owner == Some(account.0)
            || self.sees_file(account, id)?
            || self.sees_picture(account, id)?;
        Ok(is_seen.then_some(file))
    }

    /// The next pieces of a file, from the one with the byte at `from` on, in order; nothing after the last one.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub fn pieces(&self, account: AccountId, id: &str, from: i64) -> Result<Vec<Piece>> {
        let params = [Value::Text(id), Value::Int(from), Value::Int(PIECES_PAGE)];
        self.read(account, &NEXT_PIECES, &params, |row| {
            Ok(Piece { start: row.int(0)?, size: row.int(1)?, blob: row.text(2)? })
        })
    }
}

const _: () = assert!(PIECE_BYTES_MAX == 4_194_304, "as in the statement");

statements! {
    static FIND_FILE: Statement = Statement::both(
        "select owner, name, type, kind, size from file where id = $1 and received = size \
         and (expires_at is null or expires_at > $2)"
    );

    static NEXT_PIECES: Statement = Statement::both(
        "select p.start, b.size, p.blob from piece p join blob b on b.name = p.blob where p.file = $1 \
         and p.start > cast($2 as bigint) - 4194304 and p.start + b.size > $2 order by p.start limit $3"
    );
}
