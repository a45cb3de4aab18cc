//! `POST /logout`: ends the session that asks.

use sql::Session;

use crate::answer::Answer;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request::Request;

pub(crate) fn logout(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    // False: it was ended meanwhile, which is what was wanted.
    context.store.revoke(session.account, session.id, request.now)?;
    Ok(Answer::done())
}
