//! `GET /healthz`: whether the server can do its job.

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;

pub(crate) fn health(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    // Who comes by the door is answered there, whatever hangs here.
    context.store.health().map_err(|_| Refusal::busy("the server cannot do its job just now"))?;
    alive(context, request)
}

/// `GET /livez`: whether the process lives.
pub(crate) fn alive(_: &Context, _: &Request) -> Result<Answer, Refusal> {
    Answer::json(200, &serde_json::json!({ "status": "ok" }))
}
