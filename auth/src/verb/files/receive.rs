//! Receives the bytes of an upload, piece by piece.

use std::io::{self, ErrorKind, Read, Write as _};

use data_encoding::HEXLOWER;
use http::{BodyReader, HttpError, Response};
use sha2::{Digest as _, Sha256};
use sql::{NewPiece, PIECE_BYTES_MAX, PIECE_BYTES_MIN, Upload};
use wire::AccountId;

use super::request::{new_id, refused, store};
use super::sniff::{SNIFFED_BYTES, sniff};
use crate::context::Context;
use crate::error::ApiError;
use crate::limit::{BLOB_LIFE_MS, COPY_BYTES};

/// The reason why not all bytes were received.
pub(super) enum ReceiveError {
    /// The client breaks off, is too slow, or sends too much.
    Client(HttpError),
    Refused(ApiError),
}

impl ReceiveError {
    pub(super) fn into_response(self) -> Result<Response, ApiError> {
        match self {
            Self::Client(error) => Ok(error.into()),
            Self::Refused(error) => Err(error),
        }
    }
}

impl From<ApiError> for ReceiveError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<sql::Error> for ReceiveError {
    fn from(error: sql::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// Appends `body` to an upload, and returns the upload's new length. Each piece becomes part of the upload as soon as it is on the disk.
/// After an error, the bytes that were received before it are part of the upload, too.
pub(super) fn receive(
    context: &Context,
    account: AccountId,
    id: &str,
    upload: &Upload,
    body: &mut BodyReader<'_>,
) -> Result<i64, ReceiveError> {
    let left = upload.size - upload.received;
    if body.length().is_some_and(|length| i64::try_from(length).is_ok_and(|it| it > left)) {
        return Err(ReceiveError::Client(too_long()));
    }
    let _slot = context.uploads.begin(account)?;
    let (size, offset) = (upload.size, upload.received);
    let mut receiver = Receiver { context, account, id, body, size, offset };
    let mut buffer = vec![0; COPY_BYTES];
    while receiver.offset < size {
        if receiver.piece(&mut buffer)? == End::OfBody {
            return Ok(receiver.offset);
        }
    }
    match receiver.body.read(&mut buffer) {
        Ok(0) => Ok(size),
        Ok(_) => Err(ReceiveError::Client(too_long())),
        Err(error) => Err(ReceiveError::Client(HttpError::from_io(&error))),
    }
}

fn too_long() -> HttpError {
    HttpError::new(413, "too_large", "this is more than the length that the upload was begun with")
}

struct Receiver<'a> {
    context: &'a Context,
    account: AccountId,
    id: &'a str,
    body: &'a mut dyn Read,
    size: i64,
    offset: i64,
}

/// What ends a piece.
#[derive(PartialEq)]
enum End {
    /// The piece has its greatest length, was in memory for the longest time, or the file is complete.
    OfPiece,
    OfBody,
}

impl Receiver<'_> {
    /// Takes the next piece. It ends at a multiple of [`PIECE_BYTES_MAX`], so that files with the same bytes have the
    /// same pieces, unless the bytes come slowly and the file store has it end before. If the last piece is shorter than
    /// [`PIECE_BYTES_MIN`], this one begins with its bytes and takes its place.
    fn piece(&mut self, buffer: &mut [u8]) -> Result<End, ReceiveError> {
        let end = (self.offset / PIECE_BYTES_MAX + 1) * PIECE_BYTES_MAX;
        let room = usize::try_from(end.min(self.size) - self.offset).unwrap_or(0);
        let most = room.min(buffer.len());
        let first = match self.body.read(&mut buffer[..most]) {
            Ok(0) => return Ok(End::OfBody),
            Ok(count) => count,
            Err(error) => return Err(ReceiveError::Client(HttpError::from_io(&error))),
        };
        let mut head = self.short_piece()?;
        let before = head.len() as i64;
        let start = self.offset - before;
        let name = new_id()?;
        let store = &self.context.store;
        store.begin_blob(self.account, &name, store.now() + BLOB_LIFE_MS)?;
        let written = self.write(&name, buffer, (first, room), &mut head);
        let Written { size, hash, end, broken } = match written {
            Ok(written) => written,
            Err(error) => {
                if let Err(error) = store.abandon_blob(self.account, &name) {
                    // The object is deleted later, when it has expired. The client gets the error at once.
                    tracing::warn!(%error, "an incomplete object is not deleted at once; it is deleted when it expires");
                }
                return Err(refused(error).into());
            }
        };
        // The first bytes of a file are in its first piece, unless that is long enough.
        let kind = if start == 0 { sniff(&head) } else { None };
        let same = self.same_object(&hash, size)?;
        let (offset, blob, hash, same) = (self.offset, &*name, &*hash, same.as_deref());
        let piece = NewPiece { start, offset, blob, same, hash, size, kind };
        if !store.append_piece(self.account, self.id, &piece, store.now())? {
            return Err(ApiError::offset_mismatch().into());
        }
        self.offset += size - before;
        match broken {
            Some(error) => Err(ReceiveError::Client(error)),
            None => Ok(end),
        }
    }

    /// The bytes of the last piece, if it is short.
    fn short_piece(&self) -> Result<Vec<u8>, ReceiveError> {
        if self.offset % PIECE_BYTES_MAX == 0 {
            return Ok(Vec::new());
        }
        let last = self.context.store.pieces(self.account, self.id, self.offset - 1)?.pop();
        let Some(last) = last.filter(|it| it.size < PIECE_BYTES_MIN) else {
            return Ok(Vec::new());
        };
        if last.start + last.size != self.offset {
            // Another request has gone on with the upload.
            return Err(ApiError::offset_mismatch().into());
        }
        let (length, mut bytes) = (last.size as u64, Vec::new());
        let read = store(self.context)?.read(&last.blob, 0, length);
        let read = read.and_then(|piece| piece.take(length).read_to_end(&mut bytes));
        match read {
            Ok(count) if count as u64 == length => Ok(bytes),
            Ok(_) => {
                let text = format!("the object {} is shorter than it was written", last.blob);
                Err(refused(io::Error::new(ErrorKind::NotFound, text)).into())
            }
            Err(error) => Err(refused(error).into()),
        }
    }

    /// Another object with the same bytes, which has not been lost.
    fn same_object(&self, hash: &str, size: i64) -> Result<Option<String>, ReceiveError> {
        let files = store(self.context)?;
        let same = self.context.store.same_blobs(self.account, hash, size)?;
        let is_there = |name: &String| files.size(name).is_ok_and(|it| it == size as u64);
        Ok(same.into_iter().find(is_there))
    }

    /// Writes an object of up to `room` bytes: first those of `head`, then those of the buffer, then those that arrive. The first bytes of
    /// the object are copied to `head`.
    fn write(
        &mut self,
        name: &str,
        buffer: &mut [u8],
        (first, room): (usize, usize),
        head: &mut Vec<u8>,
    ) -> io::Result<Written> {
        let files = self.context.files.as_ref().ok_or(ErrorKind::NotConnected)?;
        let (mut object, mut hash) = (files.create(name)?, Sha256::new());
        let before = head.len();
        hash.update(&*head);
        object.write_all(head)?;
        let (mut count, mut size, mut broken) = (first, 0, None);
        let mut end = End::OfBody;
        while count > 0 {
            let bytes = &buffer[..count];
            hash.update(bytes);
            object.write_all(bytes)?;
            let missing = SNIFFED_BYTES.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..missing.min(count)]);
            size += count;
            if size == room || object.is_due() {
                end = End::OfPiece;
                break;
            }
            let most = (room - size).min(buffer.len());
            count = match self.body.read(&mut buffer[..most]) {
                Ok(count) => count,
                Err(error) => {
                    broken = Some(HttpError::from_io(&error));
                    0
                }
            };
        }
        object.finish()?;
        let hash = HEXLOWER.encode(&hash.finalize());
        Ok(Written { size: (before + size) as i64, hash, end, broken })
    }
}

/// An object that is on the disk.
struct Written {
    size: i64,
    hash: String,
    end: End,
    /// The error that the body ended with, if any.
    broken: Option<HttpError>,
}
