//! `GET /healthz`: whether the server can do its job. `GET /livez`: whether the process is alive.

use http::{Response, ops};

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;

pub(crate) fn health(context: &Context, _: &Request) -> Result<Response, ApiError> {
    Ok(ops::health(context.check_health()))
}

pub(crate) fn alive(_: &Context, _: &Request) -> Result<Response, ApiError> {
    Ok(ops::alive())
}
