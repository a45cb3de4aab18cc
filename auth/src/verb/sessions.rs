//! `/sessions`: lists or ends the account's sessions.

use http::Response;
use serde::Serialize;
use sql::Session;
use wire::SessionId;

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::request::Request;

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<Device>,
}

#[derive(Serialize)]
struct Device {
    id: SessionId,
    device: String,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
    /// Whether this is the session of the request.
    current: bool,
}

pub(crate) fn list(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let all = context.store.sessions(session.account, request.now)?;
    let device = |Session { id, device, created_at, seen_at, expires_at, .. }| {
        let current = id == session.id;
        // The recorded use lies ahead while the session has an open socket.
        let seen_at = seen_at.min(request.now);
        Device { id, device, created_at, seen_at, expires_at, current }
    };
    json(200, &Sessions { sessions: all.into_iter().map(device).collect() })
}

pub(crate) fn revoke(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    // A text that is no number is the id of no session.
    let id = request.last_segment().parse().map(SessionId);
    let id = id.map_err(|_| no_session())?;
    match context.store.revoke(session.account, id, request.now)? {
        true => Ok(Response::no_content()),
        false => Err(no_session()),
    }
}

fn no_session() -> ApiError {
    ApiError::not_found("you have no such session")
}
