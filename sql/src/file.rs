//! Reads files and their pieces for the accounts that may fetch them.

use wire::AccountId;

use crate::engine::{Statement, Value, statements};
use crate::limit::PIECES_PAGE;
use crate::{Result, Store};

/// A complete file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub name: String,
    /// Its media type, as its owner says.
    pub claimed: String,
    /// Its media type, recognised from its first bytes; `None` if browsers must not show it.
    pub kind: Option<String>,
    /// Its length, in bytes.
    pub size: i64,
}

/// A piece of a file: an object of the file store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The offset of its first byte in the file.
    pub start: i64,
    /// Its length, in bytes.
    pub size: i64,
    /// The object's name.
    pub blob: String,
}

impl Store {
    /// A complete file that `account` may fetch: it owns the file, sees a message that has the file, or may see the picture that the
    /// file is.
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

    /// The next pieces of a file, in their order, beginning with the piece that contains the byte at `from`. Empty after the last one.
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

statements! {
    static FIND_FILE: Statement = Statement::both(
        "select owner, name, type, kind, size from file where id = $1 and received = size \
         and (expires_at is null or expires_at > $2)"
    );

    static NEXT_PIECES: Statement = Statement::both(
        "select p.start, b.size, p.blob from piece p join blob b on b.name = p.blob where p.file = $1 \
         and p.start >= (select f.start from piece f where f.file = $1 and f.start <= cast($2 as bigint) \
         order by f.start desc limit 1) and p.start + b.size > $2 order by p.start limit $3"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::erase_pieces;
    use crate::engine::sqlite::Sqlite;
    use crate::engine::{Engine as _, Purpose};

    /// SQLite's instructions that a piece may take.
    const STEPS_EACH: i64 = 120;

    /// A file without an owner, of this number of pieces of one byte.
    fn sqlite(pieces: i64) -> Sqlite {
        let mut sqlite = Sqlite::open(None, Purpose::Write).unwrap();
        for (_, script) in sqlite.migrations() {
            sqlite.script(script).unwrap();
        }
        let script = format!(
            "insert into file (id, name, type, size, received, created_at, expires_at) values ('f', 'f', 'f', {pieces}, {pieces}, 0, 0); \
             with recursive n (n) as (select 0 union all select n + 1 from n where n < {pieces} - 1) \
             insert into piece (file, start, blob) select 'f', n, 'b' || n from n; \
             insert into blob (name, hash, size) select blob, blob, 1 from piece"
        );
        sqlite.script(&script).unwrap();
        sqlite
    }

    #[test]
    fn one_of_many_pieces_is_found_without_the_others() {
        let steps = [10, 10_000].map(|pieces| {
            let mut sqlite = sqlite(pieces);
            let params = [Value::Text("f"), Value::Int(pieces - 2), Value::Int(PIECES_PAGE)];
            let mut find = || assert_eq!(sqlite.run(&NEXT_PIECES, &params).unwrap().len(), 2);
            find();
            sqlite.steps(|sqlite| drop(sqlite.run(&NEXT_PIECES, &params)))
        });
        assert!(steps[1] - steps[0] < STEPS_EACH, "{steps:?}");
    }

    #[test]
    fn a_step_deletes_no_more_pieces_than_it_may() {
        let [few, many] = [100, 10_000].map(|pieces| {
            let mut sqlite = sqlite(pieces);
            assert!(erase_pieces(&mut sqlite, "f", 10, 0).unwrap());
            sqlite.steps(|sqlite| assert!(erase_pieces(sqlite, "f", 10, 0).unwrap()))
        });
        assert!(many <= 10 * STEPS_EACH && many - few < STEPS_EACH, "{few}, {many}");
    }
}
