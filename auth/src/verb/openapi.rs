//! `GET /openapi.json`: the description of all of this.

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;

/// Written by hand; a test holds it against the table of routes.
pub(crate) const OPENAPI: &str = include_str!("../../openapi.json");

pub(crate) fn openapi(_: &Context, _: &Request) -> Result<Answer, Refusal> {
    Ok(Answer::document(OPENAPI).header("Cache-Control", "max-age=300"))
}
