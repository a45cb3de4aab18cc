//! `GET /files/ID`: a file, for its owner and for accounts that see a message with it.

use std::io::{self, Read};
use std::sync::Arc;

use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sql::StoredFile;

use super::range::{Wanted, wanted};
use super::reader::FileReader;
use super::request::{FileRequest, not_found, refusal, store};
use crate::context::Context;
use crate::error::ApiError;
use crate::transfers::Transfer;

/// The characters that are encoded in `filename*` (RFC 8187, section 3.2.1).
const NOT_IN_NAMES: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Media types that a download may have although its bytes were not examined, because no browser runs these.
const INERT: [&str; 3] = ["application/pdf", "application/zip", "text/plain"];

pub(crate) fn download(
    context: &Context,
    request: &mut FileRequest<'_>,
) -> Result<Response, ApiError> {
    let (id, account) = (request.id()?, request.session.account);
    let file = context.store.file(account, &id, request.now)?.ok_or_else(not_found)?;
    // A file never changes.
    let etag = format!("\"{id}\"");
    let size = u64::try_from(file.size).unwrap_or(0);
    let (status, part) = match wanted(&request.http.head, &etag, size) {
        Wanted::Nothing => return Ok(protected(Response::empty(304), &etag)),
        Wanted::OutOfRange => {
            let refused = Response::from(ApiError::out_of_range());
            return Ok(refused.with_header("Content-Range", format!("bytes */{size}")));
        }
        Wanted::Whole => (200, 0..size),
        Wanted::Part(part) => (206, part),
    };
    let (length, files) = (part.end - part.start, store(context)?.clone());
    let range = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
    let transfer = context.downloads.begin(account)?;
    let mut reader = FileReader::new(Arc::clone(&context.store), files, account, &id, part);
    reader.open().map_err(refusal)?;
    let body = Download { reader, _transfer: transfer };
    let response = Response::sized(status, content_type(&file), body, length)
        .with_header("Accept-Ranges", "bytes")
        .with_header("Content-Disposition", disposition(&file));
    let response =
        if status == 206 { response.with_header("Content-Range", range) } else { response };
    Ok(protected(response, &etag))
}

/// A download, until its last byte is sent or the client breaks off.
struct Download {
    reader: FileReader,
    _transfer: Transfer,
}

impl Read for Download {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read(out)
    }
}

/// Headers by which a file runs nothing in a browser, and is kept in no shared cache.
fn protected(response: Response, etag: &str) -> Response {
    response
        .with_header("ETag", etag.to_owned())
        .with_header("Cache-Control", "private, no-cache")
        .with_header("Content-Security-Policy", "sandbox")
}

fn content_type(file: &StoredFile) -> String {
    let is_inert = INERT.contains(&&*file.claimed);
    match &file.kind {
        Some(kind) => kind.clone(),
        None if is_inert => file.claimed.clone(),
        None => "application/octet-stream".to_owned(),
    }
}

/// `inline` only if the bytes are a picture, sound or video (RFC 6266).
fn disposition(file: &StoredFile) -> String {
    let how = if file.kind.is_some() { "inline" } else { "attachment" };
    let is_plain = |letter: char| letter.is_ascii_graphic() || letter == ' ';
    let plain: String = file
        .name
        .chars()
        .map(|letter| if is_plain(letter) && !"\"\\%;".contains(letter) { letter } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(&file.name, NOT_IN_NAMES);
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}
