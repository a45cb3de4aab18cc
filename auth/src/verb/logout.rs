//! `POST /logout`: ends the session of the request.

use http::Response;
use sql::Session;

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;

pub(crate) fn logout(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    // `false`: the session has ended already, which is the same.
    context.store.revoke(session.account, session.id, request.now)?;
    Ok(request.without_cookie(Response::no_content()))
}
