//! `POST /confirm`: proves an email by the code that was mailed there.

use http::Response;
use sql::{CodePurpose, EmailProof};

use crate::code::gone;
use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;

pub(crate) fn confirm(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let code = request.fields()?.text("code")?;
    let known = context.account_by_code(request, CodePurpose::Confirmation, &code)?;
    let account = &known.account;
    let current = known.shown_for(&account.email);
    let next = account.next_email.as_deref().map(|email| known.shown_for(email));
    let proof = EmailProof { account, current, next, now: request.now };
    match context.store.prove_email(&proof) {
        Err(sql::Error::AlreadyExists) => Err(ApiError::email_taken()),
        Ok(true) => Ok(Response::no_content()),
        // The code was used meanwhile, or is for an email that is no longer the account's next one.
        Ok(false) => Err(gone()),
        Err(error) => Err(error.into()),
    }
}
