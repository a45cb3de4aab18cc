//! `GET /users?email=E`: finds an account by its exact email.

use std::time::Instant;

use serde::Serialize;
use sql::Session;

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::text;

#[derive(Serialize)]
struct Found<'a> {
    id: wire::AccountId,
    name: &'a str,
}

pub(crate) fn find(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    let email = request.query("email");
    let email = email.ok_or_else(|| Refusal::bad_request("`email` is missing in the query"))?;
    let taken = context.lookups.take(session.account, Instant::now());
    taken.map_err(|wait| Refusal::rate_limited("too many look-ups; wait", wait))?;
    let nobody = || Refusal::not_found("nobody has this email");
    // What is no email is nobody's.
    let email = text::email(&email).map_err(|_| nobody())?;
    let account = context.store.find_by_email(&email)?.ok_or_else(nobody)?;
    Answer::json(200, &Found { id: account.id, name: &account.name })
}
