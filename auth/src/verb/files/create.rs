//! `POST /files`: begins an upload, perhaps with its first bytes (creation, creation-with-upload).

use http::{Body, HttpError, Response};
use sql::{NewUpload, Upload, UploadOutcome};

use super::metadata::{Metadata, metadata};
use super::request::{FileRequest, answer, new_id, refused, store};
use super::{receive, tus};
use crate::context::Context;
use crate::error::ApiError;
use crate::limit::{TRANSFERS_RETRY_AFTER, UPLOAD_LIFE_MS};

pub(crate) fn create(
    context: &Context,
    request: &mut FileRequest<'_>,
) -> Result<Response, ApiError> {
    let (account, now) = (request.session.account, request.now);
    let head = &request.http.head;
    if head.header("upload-defer-length").is_some() {
        return Err(ApiError::bad_request("a file's length must be known: send Upload-Length"));
    }
    let size = tus::bytes(head, "Upload-Length")?;
    let size = size.ok_or_else(|| ApiError::bad_request("Upload-Length is missing"))?;
    if u64::try_from(size).is_ok_and(|size| size > context.file_max) {
        let bytes = context.file_max;
        let sentence = format!("a file has at most {bytes} bytes on this server");
        return Ok(HttpError::new(413, "too_large", sentence).into());
    }
    let has_body = request.http.head.has_body();
    if has_body && !tus::is_body_type(head) {
        return Ok(HttpError::unsupported_media_type(tus::BODY_TYPE).into());
    }
    let Metadata { name, kind, pixels, thumbnail } = metadata(head)?;
    store(context)?.check_room(u64::try_from(size).unwrap_or(0)).map_err(refused)?;
    let (id, expires_at) = (new_id()?, now + UPLOAD_LIFE_MS);
    let thumbnail = thumbnail.as_deref();
    let (name, kind) = (&*name, &*kind);
    let new = NewUpload { id: &id, name, kind, size, pixels, thumbnail, expires_at };
    match context.store.begin_upload(account, &new, now)? {
        UploadOutcome::Begun => {}
        UploadOutcome::NoAccount => return Err(ApiError::unauthorized()),
        UploadOutcome::OverQuota => return Err(ApiError::over_quota()),
        UploadOutcome::TooMany => {
            let sentence =
                "you have uploaded many files and sent them to nobody; send or delete some";
            return Err(ApiError::rate_limited(sentence, TRANSFERS_RETRY_AFTER));
        }
        UploadOutcome::NoThumbnail => {
            return Err(ApiError::bad_request(
                "`thumbnail` must be a picture that you have uploaded, with a width and a height of at most 320 and at most 256 KiB",
            ));
        }
    }
    let mut offset = 0;
    let upload = Upload { size, received: 0, expires_at: Some(expires_at) };
    if let Body::Stream(body) = &mut request.http.body
        && has_body
    {
        // The bytes that have arrived are kept. A client that does not get this response asks for the offset.
        offset = match receive::receive(context, account, &id, &upload, body) {
            Ok(offset) => offset,
            Err(error) => return Ok(error.into_response()?.with_header("Location", location(&id))),
        };
    }
    let response = answer(201)
        .with_header("Location", location(&id))
        .with_header("Upload-Offset", offset.to_string());
    Ok(tus::with_expiry_of(response, &upload, offset))
}

fn location(id: &str) -> String {
    format!("/files/{id}")
}
