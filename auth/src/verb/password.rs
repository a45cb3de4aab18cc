//! `POST /password`: sets a new password and ends every other session.

use http::Response;
use sql::Session;

use crate::context::Context;
use crate::error::ApiError;
use crate::password::Password;
use crate::request::Request;
use crate::verb::signup::chosen;

pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let old = Password::unchecked(fields.text("old")?);
    let new = chosen(fields.text("new")?, "new")?;
    let (credentials, slot) = context.verify_own_password(request, session, &old)?;
    let phc = slot.hash(&new)?;
    drop(slot);
    let (account, epoch) = (session.account, credentials.epoch);
    match context.store.set_password(account, epoch, &phc, session.id, request.now)? {
        true => Ok(Response::no_content()),
        // Another change was faster, so `old` is no longer the password.
        false => Err(ApiError::wrong_password()),
    }
}
