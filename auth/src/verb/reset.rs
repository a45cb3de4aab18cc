//! `POST /reset` asks for a link that sets a new password; `POST /reset/confirm` sets it.

use http::Response;
use sql::{CodePurpose, PasswordReset};

use crate::code::gone;
use crate::context::{Context, queue_path};
use crate::error::ApiError;
use crate::json::json;
use crate::request::Request;
use crate::verb::signup::chosen;

pub(crate) fn ask(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let email = request.fields()?.text("email")?;
    // The response is the same for all emails: the account is looked up later.
    match &context.mailer {
        Some(mailer) => mailer.reset(email, request.address),
        None => tracing::info!(
            "a new password was asked for, and no mail is set up: `admin reset EMAIL` makes a link"
        ),
    }
    json(202, &serde_json::json!({}))
}

pub(crate) fn confirm(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let code = fields.text("code")?;
    let new = chosen(fields.text("new")?, "new")?;
    let known = context.account_by_code(request, CodePurpose::Reset, &code)?;
    let account = &known.account;
    let slot = context.acquire_slot(queue_path(None, request.address, &account.email))?;
    let phc = slot.hash(&new)?;
    drop(slot);
    let code = known.shown_for(&account.email);
    let reset = PasswordReset { account, code, phc: &phc, now: request.now };
    if !context.store.reset_password(&reset)? {
        return Err(gone());
    }
    // A client with the link counts as one with the password.
    context.throttle.let_in(request.address, account.id);
    Ok(Response::no_content())
}

#[cfg(test)]
#[path = "reset/tests.rs"]
mod tests;
