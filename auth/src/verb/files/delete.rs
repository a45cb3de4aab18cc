//! `DELETE /files/ID`: gives up an upload (termination).

use http::Response;
use sql::Removal;

use super::request::{FileRequest, answer, not_found};
use crate::context::Context;
use crate::error::ApiError;

pub(crate) fn delete(
    context: &Context,
    request: &mut FileRequest<'_>,
) -> Result<Response, ApiError> {
    let id = request.id()?;
    match context.store.remove_upload(request.session.account, &id, request.now)? {
        Removal::Removed => Ok(answer(204)),
        Removal::NotFound => Err(not_found()),
        Removal::InUse => Err(ApiError::in_use()),
    }
}
