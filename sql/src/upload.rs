//! Uploads: files that are being received.
//!
//! An upload grows by pieces. A piece is an object of the file store. It is written under its own name before
//! [`Store::append_piece`] makes it a part of the upload. So no part of a file ever changes. If two connections append a piece at the
//! same offset, on the same node or on two nodes, one of them wins.

use wire::AccountId;

use crate::engine::{Engine, Row, Statement, Value, locking, statements};
use crate::limit::{
    BLOB_KEPT_MS, PIECE_BYTES_MAX, PIECE_BYTES_MIN, SAME_BLOBS_MAX, THUMBNAIL_BYTES_MAX,
    THUMBNAIL_PIXELS_MAX, UPLOADS_UNSENT_MAX,
};
use crate::quota::Size;
use crate::{Error, Result, Store};

/// A new upload.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload<'a> {
    /// Its random id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its media type, as its owner says.
    pub kind: &'a str,
    /// Its length, in bytes.
    pub size: i64,
    /// Its width and height in pixels, if it is a picture or a video and its owner says so.
    pub pixels: Option<(i64, i64)>,
    /// The id of the file that is its thumbnail.
    pub thumbnail: Option<&'a str>,
    /// The time at which it is deleted unless a message has it, in milliseconds.
    pub expires_at: i64,
}

/// The progress of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its length, in bytes.
    pub size: i64,
    /// The number of bytes that were received so far.
    pub received: i64,
    /// The time at which it is deleted, in milliseconds; `None` while a message has it.
    pub expires_at: Option<i64>,
}

/// The outcome of beginning an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// The upload has begun.
    Begun,
    /// The account is deleted.
    NoAccount,
    /// The account's quota has no room for it.
    OverQuota,
    /// The account has too many files that belong to no message.
    TooMany,
    /// The file that is named as its thumbnail is not a complete small picture of the same account.
    NoThumbnail,
}

/// An object that becomes a piece of a file.
#[derive(Clone, Copy, Debug)]
pub struct NewPiece<'a> {
    /// The offset of its first byte in the file.
    pub start: i64,
    /// The number of bytes that were received before. If this is more than `start`, the new piece replaces the last one, which begins at
    /// `start` and is shorter than [`PIECE_BYTES_MIN`].
    pub offset: i64,
    /// The object's name.
    pub blob: &'a str,
    /// An existing object with the same bytes, from [`Store::same_blobs`], which becomes the piece instead.
    pub same: Option<&'a str>,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub hash: &'a str,
    /// Its length, in bytes.
    pub size: i64,
    /// The media type that was recognised from the first bytes of the file, if it was.
    pub kind: Option<&'a str>,
}

impl Store {
    /// Begins an upload. From now on its whole length and its overhead count for the quota of the account.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the upload may exist until it expires, and nobody knows its id.
    pub fn begin_upload(
        &self,
        account: AccountId,
        upload: &NewUpload<'_>,
        now: i64,
    ) -> Result<UploadOutcome> {
        let room = self.quota().unwrap_or(i64::MAX);
        let owner = Value::Int(account.0);
        self.write(account, |engine| {
            let Some(stored) = lock_log(engine, account)? else {
                return Ok(UploadOutcome::NoAccount);
            };
            let size = Size::of_file(upload.size);
            if !(stored + size).fits(room) {
                return Ok(UploadOutcome::OverQuota);
            }
            let unsent = engine.run(&COUNT_UNSENT, &[owner])?;
            if unsent.first().map_or(Ok(0), |row| row.int(0))? >= UPLOADS_UNSENT_MAX {
                return Ok(UploadOutcome::TooMany);
            }
            if let Some(thumbnail) = upload.thumbnail {
                let [pixels, bytes] = [THUMBNAIL_PIXELS_MAX, THUMBNAIL_BYTES_MAX].map(Value::Int);
                let params = [Value::Text(thumbnail), owner, Value::Int(now), pixels, bytes];
                if engine.run(&FIND_THUMBNAIL, &params)?.is_empty() {
                    return Ok(UploadOutcome::NoThumbnail);
                }
            }
            let (width, height) = upload.pixels.unzip();
            let pixels = |it: Option<i64>| it.map_or(Value::Null, Value::Int);
            let params = [
                Value::Text(upload.id),
                owner,
                Value::Text(upload.name),
                Value::Text(upload.kind),
                Value::Int(upload.size),
                Value::Int(now),
                Value::Int(upload.expires_at),
                pixels(width),
                pixels(height),
                Value::maybe_text(upload.thumbnail),
            ];
            engine.run(&ADD_FILE, &params)?;
            engine.run(&ADD_SIZE, &[size.stored, size.overhead, account.0].map(Value::Int))?;
            Ok(UploadOutcome::Begun)
        })
    }

    /// An upload of `account`, complete or not; `None` if there is none with this id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn upload(&self, account: AccountId, id: &str, now: i64) -> Result<Option<Upload>> {
        let now = self.clock.trusted_by(now);
        let params = [Value::Text(id), Value::Int(account.0), Value::Int(now)];
        let upload = |row: &mut Row| {
            let (size, received) = (row.int(0)?, row.int(1)?);
            Ok(Upload { size, received, expires_at: row.maybe_int(2)? })
        };
        Ok(self.read(account, &FIND_UPLOAD, &params, upload)?.pop())
    }

    /// Stores the name of an object that is about to be written. At `expires_at` the object is deleted, unless it has become a piece of a
    /// file.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn begin_blob(&self, account: AccountId, name: &str, expires_at: i64) -> Result<()> {
        let params = [Value::Text(name), Value::Int(expires_at)];
        self.write(account, |engine| engine.run(&ADD_BLOB, &params).map(drop))
    }

    /// Lets an object that could not be written expire now, so that it is deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then the object is deleted when it expires.
    pub fn abandon_blob(&self, account: AccountId, name: &str) -> Result<()> {
        self.write(account, |engine| engine.run(&ABANDON_BLOB, &[Value::Text(name)]).map(drop))
    }

    /// Objects with this hash and size that are pieces of files. An object may be missing in the file store; the caller has to check.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn same_blobs(&self, account: AccountId, hash: &str, size: i64) -> Result<Vec<String>> {
        let params = [Value::Text(hash), Value::Int(size), Value::Int(SAME_BLOBS_MAX)];
        self.read(account, &FIND_SAME_BLOBS, &params, |row| row.text(0))
    }

    /// Appends a piece to an upload. The object must have been flushed to its disk. False if the upload was deleted, or another piece
    /// was appended at the same offset. Then the object will be deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after [`Error::InDoubt`] the change is stored or not.
    pub fn append_piece(
        &self,
        account: AccountId,
        id: &str,
        piece: &NewPiece<'_>,
        now: i64,
    ) -> Result<bool> {
        let (blob, hash, size) =
            (Value::Text(piece.blob), Value::Text(piece.hash), Value::Int(piece.size));
        let (id, start, offset) =
            (Value::Text(id), Value::Int(piece.start), Value::Int(piece.offset));
        let grown = Value::Int(piece.start + piece.size - piece.offset);
        let trusted = Value::Int(self.clock.trusted_by(now));
        let kind = Value::maybe_text(piece.kind);
        let growth = [grown, kind, id, Value::Int(account.0), offset, trusted];
        self.write(account, |engine| {
            if engine.run(&GROW_FILE, &growth)?.is_empty() {
                engine.run(&ABANDON_BLOB, &[blob])?;
                return Ok(false);
            }
            let same = match piece.same {
                Some(same) => engine.run(&KEEP_SAME_BLOB, &[Value::Text(same), hash, size])?,
                None => Vec::new(),
            };
            if piece.start < piece.offset {
                let length = Value::Int(piece.offset - piece.start);
                take_last_piece(engine, id, start, length, now)?;
            }
            if let (Some(same), false) = (piece.same, same.is_empty()) {
                engine.run(&ADD_PIECE, &[id, start, Value::Text(same)])?;
                engine.run(&ABANDON_BLOB, &[blob])?;
                return Ok(true);
            }
            if engine.run(&KEEP_BLOB, &[hash, size, blob])?.is_empty() {
                return Err(Error::Unavailable("an object took too long to write".to_owned()));
            }
            engine.run(&ADD_PIECE, &[id, start, blob])?;
            Ok(true)
        })
    }
}

/// Locks an account's log and returns the size that counts for its quota; `None` if the account is deleted.
pub(crate) fn lock_log(engine: &mut dyn Engine, account: AccountId) -> Result<Option<Size>> {
    let rows = engine.run(&LOCK_LOG, &[Value::Int(account.0)])?;
    let size = |row: &Row| Ok(Size { stored: row.int(0)?, overhead: row.int(1)? });
    rows.first().map(size).transpose()
}

/// Removes the last piece of an upload, which a longer one replaces. Its object is deleted [`BLOB_KEPT_MS`] later, unless another file
/// has it, since a backup that has begun may still need it.
fn take_last_piece(
    engine: &mut dyn Engine,
    id: Value<'_>,
    start: Value<'_>,
    length: Value<'_>,
    now: i64,
) -> Result<()> {
    let mut last = engine.run(&LOCK_LAST_BLOB, &[id, start, length])?;
    let Some(row) = last.first_mut() else {
        return Err(Error::Internal("the last piece of an upload is another one".to_owned()));
    };
    let last = row.text(0)?;
    engine.run(&REMOVE_PIECE, &[id, start])?;
    expire_blob(engine, &last, now)
}

/// Lets an object expire [`BLOB_KEPT_MS`] from now, unless it is a piece of another file. The caller has locked it.
pub(crate) fn expire_blob(engine: &mut dyn Engine, blob: &str, now: i64) -> Result<()> {
    engine.run(&EXPIRE_BLOB, &[Value::Int(now + BLOB_KEPT_MS), Value::Text(blob)]).map(drop)
}

const _: () = assert!(PIECE_BYTES_MIN < PIECE_BYTES_MAX);
const _: () = assert!(UPLOADS_UNSENT_MAX == 200, "as in the statement");

statements! {
    static LOCK_LOG: Statement = locking!("select stored, overhead from log where account = $1");

    static COUNT_UNSENT: Statement = Statement::both(
        "select count(*) from (select 1 from file where owner = $1 and expires_at is not null limit 200) f"
    );

    static FIND_THUMBNAIL: Statement = Statement::both(
        "select id from file where id = $1 and owner = $2 and received = size and kind like 'image/%' \
         and (expires_at is null or expires_at > $3) and width <= $4 and height <= $4 and size <= $5"
    );

    static ADD_FILE: Statement = Statement::both(
        "insert into file (id, owner, name, type, size, created_at, expires_at, width, height, thumbnail) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    );

    pub(crate) static ADD_SIZE: Statement = Statement::both(
        "update log set stored = stored + $1, overhead = overhead + $2 where account = $3"
    );

    static FIND_UPLOAD: Statement = Statement::both(
        "select size, received, expires_at from file where id = $1 and owner = $2 \
         and (expires_at is null or expires_at > $3)"
    );

    static ADD_BLOB: Statement = Statement::both("insert into blob (name, expires_at) values ($1, $2)");

    static GROW_FILE: Statement = Statement::both(
        "update file set received = received + $1, kind = coalesce($2, kind) where id = $3 and owner = $4 \
         and received = $5 and received + $1 <= size and (expires_at is null or expires_at > $6) returning id"
    );

    static FIND_SAME_BLOBS: Statement = Statement::both(
        "select name from blob where hash = $1 and size = $2 and expires_at is null order by name limit $3"
    );

    /// Locks the existing object, so that it does not expire before it is a piece of this file, too.
    static KEEP_SAME_BLOB: Statement = locking!(
        "select name from blob where name = $1 and hash = $2 and size = $3 and expires_at is null"
    );

    /// Changes nothing if the object is being deleted already.
    static KEEP_BLOB: Statement = Statement::both(
        "update blob set expires_at = null, hash = $1, size = $2 where name = $3 and expires_at > 0 returning name"
    );

    static ABANDON_BLOB: Statement = Statement::both("update blob set expires_at = 0 where name = $1");

    static ADD_PIECE: Statement = Statement::both("insert into piece (file, start, blob) values ($1, $2, $3)");

    /// Locks the object before its piece is deleted, as in [`crate::collect::erase_pieces`].
    static LOCK_LAST_BLOB: Statement = locking!(
        "select b.name from blob b where b.name = (select p.blob from piece p where p.file = $1 and p.start = $2) and b.size = $3"
    );

    static REMOVE_PIECE: Statement = Statement::both("delete from piece where file = $1 and start = $2");

    static EXPIRE_BLOB: Statement = Statement::both(
        "update blob set expires_at = $1 where name = $2 and not exists (select 1 from piece p where p.blob = blob.name)"
    );
}
