//! Responses in JSON.

use http::Response;
use serde::Serialize;

use crate::error::ApiError;

/// A JSON document.
///
/// # Errors
/// 500 if `value` cannot be written as JSON.
pub(crate) fn json(status: u16, value: &impl Serialize) -> Result<Response, ApiError> {
    let bytes = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
    Ok(Response::bytes(status, "application/json", bytes))
}
