//! `GET /healthz`: whether the server can do its job.

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;

pub(crate) fn health(context: &Context, _: &Request) -> Result<Answer, Refusal> {
    context.store.ping()?;
    Answer::json(200, &serde_json::json!({ "status": "ok" }))
}
