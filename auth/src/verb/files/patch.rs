//! `PATCH /files/ID`: the next bytes of an upload.

use http::{Body, HttpError, Response};

use super::request::{FileRequest, answer, not_found};
use super::{receive, tus};
use crate::context::Context;
use crate::error::ApiError;

pub(crate) fn patch(
    context: &Context,
    request: &mut FileRequest<'_>,
) -> Result<Response, ApiError> {
    let (id, account) = (request.id()?, request.session.account);
    let head = &request.http.head;
    if !tus::is_body_type(head) {
        return Ok(HttpError::unsupported_media_type(tus::BODY_TYPE).into());
    }
    let offset = tus::bytes(head, "Upload-Offset")?;
    let offset = offset.ok_or_else(|| ApiError::bad_request("Upload-Offset is missing"))?;
    let upload = context.store.upload(account, &id, request.now)?.ok_or_else(not_found)?;
    if offset != upload.received {
        return Err(ApiError::offset_mismatch());
    }
    let Body::Stream(body) = &mut request.http.body else {
        return Err(ApiError::internal(&"a body that is not streamed"));
    };
    match receive::receive(context, account, &id, &upload, body) {
        Ok(offset) => {
            let response = answer(204).with_header("Upload-Offset", offset.to_string());
            Ok(tus::with_expiry_of(response, &upload, offset))
        }
        Err(error) => error.into_response(),
    }
}
