//! `/me`: the client's own account: shows, changes or deletes it.

use http::Response;
use serde::Serialize;
use sql::{Account, Session};
use wire::Email;

use crate::context::{Context, LoginAttempt};
use crate::error::ApiError;
use crate::json::json;
use crate::password::Password;
use crate::request::Request;
use crate::throttle::Origin;
use crate::verb::email;

#[derive(Serialize)]
struct Me {
    id: wire::AccountId,
    email: String,
    name: String,
    created_at: i64,
    /// Whether somebody has shown that the email is theirs, or nobody was asked to.
    confirmed: bool,
    /// The email that it will have once that is shown of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_email: Option<String>,
    /// Bytes of text and files that it has sent and that are kept.
    stored: i64,
    /// How many there may be; 0: no limit.
    quota: i64,
}

pub(crate) fn show(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let response = reply(context, context.store.account(session.account)?)?;
    // The page asks this when it opens: the cookie lives on with its session.
    Ok(match request.token.as_ref().filter(|_| request.is_cookie) {
        Some(token) => response.with_header("Set-Cookie", request.cookie.kept(token)),
        None => response,
    })
}

pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let email = fields.maybe_text("email")?;
    // Alone, or along with an email.
    let name = match email {
        Some(_) => fields.maybe_text("name")?,
        None => Some(fields.text("name")?),
    };
    let name = name.map(|name| wire::name(&name).map_err(ApiError::bad_request)).transpose()?;
    let mut account = None;
    if let Some(email) = email {
        let email = Email::chosen(&email).map_err(ApiError::bad_request)?;
        let password = Password::unchecked(fields.text("password")?);
        account = Some(email::change(context, request, session, &email, &password)?);
    }
    if let Some(name) = name {
        account = context.store.rename(session.account, &name)?;
    }
    reply(context, account)
}

pub(crate) fn delete(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let password = Password::unchecked(request.fields()?.text("password")?);
    let credentials = context.store.credentials_of(session.account)?;
    let credentials = credentials.ok_or_else(ApiError::unauthorized)?;
    let attempt = LoginAttempt {
        from: request.address,
        origin: Some(Origin::Session(session.id)),
        email: &credentials.account.email,
        credentials: Some(&credentials),
    };
    drop(context.verify_password(&attempt, &password)?.ok_or_else(ApiError::wrong_password)?);
    context.store.delete_account(session.account, request.now)?;
    Ok(request.without_cookie(Response::no_content()))
}

fn reply(context: &Context, account: Option<Account>) -> Result<Response, ApiError> {
    // None: deleted since the session was looked up.
    let Account { id, email, name, created_at, is_proved: confirmed, next_email: new_email } =
        account.ok_or_else(ApiError::unauthorized)?;
    let state = context.store.log_state(id)?.ok_or_else(ApiError::unauthorized)?;
    let (stored, quota) = (state.stored, context.store.quota().unwrap_or(0));
    json(200, &Me { id, email, name, created_at, confirmed, new_email, stored, quota })
}
