//! `GET /openapi.json`: the OpenAPI description of all routes.

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;
use http::Response;

/// Written by hand. A test compares it with the table of routes.
pub(crate) const OPENAPI: &str = include_str!("../../openapi.json");

pub(crate) fn openapi(_: &Context, _: &Request) -> Result<Response, ApiError> {
    Ok(Response::bytes(200, "application/json", OPENAPI.as_bytes())
        .with_header("Cache-Control", "max-age=300"))
}
