//! Reads a file from its pieces, as far as the client reads.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use files::FileStore;
use sql::{Piece, Store};
use wire::AccountId;

use super::request::note;

/// A range of a file's bytes. It needs memory for one page of pieces, however long the file is.
pub(super) struct FileReader {
    store: Arc<Store>,
    files: FileStore,
    account: AccountId,
    id: String,
    /// The bytes that are still to be read.
    range: Range<u64>,
    pieces: VecDeque<Piece>,
    /// The piece that is being read, and the number of its bytes that are left.
    current: Option<(Box<dyn Read + Send>, u64)>,
}

impl FileReader {
    pub(super) fn new(
        store: Arc<Store>,
        files: FileStore,
        account: AccountId,
        id: &str,
        range: Range<u64>,
    ) -> Self {
        let (id, pieces) = (id.to_owned(), VecDeque::new());
        Self { store, files, account, id, range, pieces, current: None }
    }

    /// Opens the first piece, so that a file whose bytes cannot be read is refused before anything is sent. Logs
    /// errors.
    ///
    /// # Errors
    /// The error of the database or the file store.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.current.is_none() && !self.range.is_empty() {
            self.current = Some(self.next().inspect_err(note)?);
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<(Box<dyn Read + Send>, u64)> {
        let at = self.range.start;
        if self.pieces.is_empty() {
            let from = i64::try_from(at).map_err(io::Error::other)?;
            let page = self.store.pieces(self.account, &self.id, from).map_err(io::Error::other)?;
            self.pieces = page.into();
        }
        let missing = || {
            let text = format!("the database has no piece at byte {at} of file {}", self.id);
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        let Piece { start, size, blob } = self.pieces.pop_front().ok_or_else(missing)?;
        let (start, size) = (start as u64, size as u64);
        let skipped = at.checked_sub(start).ok_or_else(missing)?;
        let length = size.saturating_sub(skipped).min(self.range.end - at);
        Ok((self.files.read(&blob, skipped, length)?, length))
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while !self.range.is_empty() {
            self.open()?;
            let Some((piece, left)) = &mut self.current else { break };
            if *left == 0 {
                self.current = None;
                continue;
            }
            let most = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            let count = piece.read(&mut out[..most]).inspect_err(note)?;
            if count == 0 {
                let text = format!("an object of file {} is shorter than it was written", self.id);
                let error = io::Error::new(io::ErrorKind::NotFound, text);
                note(&error);
                return Err(error);
            }
            *left -= count as u64;
            self.range.start += count as u64;
            return Ok(count);
        }
        Ok(0)
    }
}
