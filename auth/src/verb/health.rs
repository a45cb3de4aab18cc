//! `GET /healthz`: whether the server can do its job.

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;
use crate::response::Response;

pub(crate) fn health(context: &Context, request: &Request) -> Result<Response, ApiError> {
    // Requests from outside are answered before the HTTP library, whatever hangs here.
    context.store.health().map_err(|_| ApiError::busy("the server cannot do its job just now"))?;
    alive(context, request)
}

/// `GET /livez`: whether the process lives.
pub(crate) fn alive(_: &Context, _: &Request) -> Result<Response, ApiError> {
    Response::json(200, &serde_json::json!({ "status": "ok" }))
}
