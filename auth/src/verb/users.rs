//! `GET /users?email=E` finds an account by its exact email. `GET /users/ID` returns the name of an account that the
//! client's account may see, and its picture.

use http::Response;
use std::time::Instant;

use serde::Serialize;
use sql::{PublicProfile, Session};
use wire::AccountId;

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::request::Request;

#[derive(Serialize)]
struct Found<'a> {
    id: AccountId,
    name: &'a str,
    /// The file that is its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
}

pub(crate) fn find(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let email = request.query("email");
    let email = email.ok_or_else(|| ApiError::bad_request("`email` is missing in the query"))?;
    let taken = context.lookups.take(&session.account, Instant::now());
    taken.map_err(|wait| ApiError::rate_limited("too many look-ups; wait", wait))?;
    let nobody = || ApiError::not_found("nobody has this email");
    let account = context.store.find_by_email(&email)?.ok_or_else(nobody)?;
    // An email that is not proved finds no account, since it may belong to another person.
    if !account.is_proved && account.id != session.account {
        return Err(nobody());
    }
    context.store.record_found_account(session.account, account.id, request.now)?;
    let found = context.store.public_profile(session.account, account.id)?;
    let PublicProfile { name, picture } = found.ok_or_else(nobody)?;
    json(200, &Found { id: account.id, name: &name, picture: picture.as_deref() })
}

pub(crate) fn show(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let taken = context.lookups.take(&session.account, Instant::now());
    taken.map_err(|wait| ApiError::rate_limited("too many look-ups; wait", wait))?;
    // The response is the same for an account that does not exist and for one that may not be seen.
    let nobody = || ApiError::not_found("you know no account with this id");
    let id = request.last_segment().parse().map_err(|_| nobody())?;
    let found = context.store.public_profile(session.account, AccountId(id))?;
    let PublicProfile { name, picture } = found.ok_or_else(nobody)?;
    json(200, &Found { id: AccountId(id), name: &name, picture: picture.as_deref() })
}
