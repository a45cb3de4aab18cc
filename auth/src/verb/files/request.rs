//! What the routes of files share: the request, the file store, and refusals.

use std::io;

use data_encoding::HEXLOWER;
use files::{Cause, FileStore};
use http::Response;
use sql::Session;

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::FILE_ID_BYTES;
use crate::metrics;

/// A request for a file, with its session.
pub(crate) struct FileRequest<'a> {
    pub(crate) http: http::Request<'a>,
    pub(crate) session: Session,
    /// The time of the request, in milliseconds.
    pub(crate) now: i64,
}

impl FileRequest<'_> {
    /// The file's id, the last segment of the path.
    ///
    /// # Errors
    /// 404 if it cannot be one.
    pub(super) fn id(&self) -> Result<String, ApiError> {
        let path = self.http.head.path();
        let id = path.rsplit_once('/').map_or(path, |(_, id)| id);
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match id.len() == 2 * FILE_ID_BYTES && id.bytes().all(is_digit) {
            true => Ok(id.to_owned()),
            false => Err(not_found()),
        }
    }
}

pub(super) fn not_found() -> ApiError {
    ApiError::not_found("there is no such file that you may fetch")
}

/// The file store.
///
/// # Errors
/// 503 if there is none.
pub(super) fn store(context: &Context) -> Result<&FileStore, ApiError> {
    let sentence = "this server has no place for files; its operator can name one with --files";
    context.files.as_ref().ok_or_else(|| ApiError::unavailable(sentence))
}

/// A new random id, which cannot be guessed.
pub(super) fn new_id() -> Result<String, ApiError> {
    let mut bytes = [0; FILE_ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(&error))?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Logs an error of the file store, or of the database while a file is read.
pub(super) fn note(error: &io::Error) {
    if let Some(error) = error.get_ref().and_then(|it| it.downcast_ref::<sql::Error>()) {
        tracing::warn!(%error, "the pieces of a file cannot be looked up");
        return;
    }
    match Cause::of(error) {
        Cause::Busy => {}
        // The error names the object.
        Cause::Lost => {
            metrics::OBJECTS_LOST.inc();
            tracing::error!(%error, "a file cannot be read any more");
        }
        cause => tracing::error!(cause = cause.text(), %error, "the file store does not work"),
    }
}

/// The refusal of a request that fails with this error.
pub(super) fn refusal(error: io::Error) -> ApiError {
    let error = match error.downcast::<sql::Error>() {
        Ok(error) => return error.into(),
        Err(error) => error,
    };
    match Cause::of(&error) {
        Cause::Busy => ApiError::busy("too many files are being sent at this moment; try again"),
        Cause::Lost => ApiError::gone(
            "the bytes of this file are lost on the server; ask its sender to send it again",
        ),
        Cause::Full => ApiError::storage_full(),
        _ => ApiError::unavailable("files cannot be reached just now; try again"),
    }
}

/// Logs the error, and returns the refusal.
pub(super) fn refused(error: io::Error) -> ApiError {
    note(&error);
    refusal(error)
}

/// A response of tus, which no cache keeps.
pub(super) fn answer(status: u16) -> Response {
    Response::empty(status).with_header("Cache-Control", "no-store")
}
