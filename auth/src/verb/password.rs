//! `POST /password`: sets a new password and ends every other session.

use http::Response;
use sql::Session;

use crate::context::{Context, LoginAttempt};
use crate::error::ApiError;
use crate::password::Password;
use crate::request::Request;
use crate::throttle::Origin;
use crate::verb::signup::chosen;

pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let old = Password::unchecked(fields.text("old")?);
    let new = chosen(fields.text("new")?, "new")?;
    let credentials = context.store.credentials_of(session.account)?;
    let credentials = credentials.ok_or_else(ApiError::unauthorized)?;
    let attempt = LoginAttempt {
        from: request.address,
        origin: Some(Origin::Session(session.id)),
        email: &credentials.account.email,
        credentials: Some(&credentials),
    };
    let slot = context.verify_password(&attempt, &old)?.ok_or_else(ApiError::wrong_password)?;
    let phc = slot.hash(&new)?;
    drop(slot);
    let (account, epoch) = (session.account, credentials.epoch);
    match context.store.set_password(account, epoch, &phc, session.id, request.now)? {
        true => Ok(Response::no_content()),
        // Another change was faster, so that `old` is not the password any more.
        false => Err(ApiError::wrong_password()),
    }
}
