//! `HEAD /files/ID`: the offset of an upload; without `Tus-Resumable`, the head of the download.

use http::Response;

use super::request::{FileRequest, answer, not_found};
use super::{download, tus};
use crate::context::Context;
use crate::error::ApiError;

pub(crate) fn offset(
    context: &Context,
    request: &mut FileRequest<'_>,
) -> Result<Response, ApiError> {
    if request.http.head.header("tus-resumable").is_none() {
        return download(context, request);
    }
    let (id, account) = (request.id()?, request.session.account);
    let upload = context.store.upload(account, &id, request.now)?.ok_or_else(not_found)?;
    let response = answer(200)
        .with_header("Upload-Offset", upload.received.to_string())
        .with_header("Upload-Length", upload.size.to_string());
    Ok(tus::with_expiry_of(response, &upload, upload.received))
}
