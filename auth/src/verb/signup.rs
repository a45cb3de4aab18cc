//! `POST /signup`: creates an account.

use http::Response;
use std::time::Instant;

use serde::Serialize;
use wire::Email;

use crate::context::{Context, queue_path};
use crate::error::{ApiError, ErrorCode};
use crate::json::json;
use crate::metrics::SIGNUPS;
use crate::password::Password;
use crate::request::Request;

#[derive(Serialize)]
struct Made<'a> {
    id: wire::AccountId,
    email: &'a str,
    name: &'a str,
}

pub(crate) fn signup(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let email = Email::chosen(&fields.text("email")?).map_err(ApiError::bad_request)?.text;
    let name = wire::name(&fields.text("name")?).map_err(ApiError::bad_request)?;
    let password = chosen(fields.text("password")?, "password")?;
    if let Some(signups) = &context.signups {
        let taken = signups.take(request.address, Instant::now());
        taken.map_err(|wait| ApiError::rate_limited("too many signups; wait", wait))?;
    }
    let is_free = || match context.store.find_by_email(&email)? {
        Some(_) => Err(taken()),
        None => Ok(()),
    };
    // Before the queue and after it: a hash for nothing costs others their turn, and a failed insert an id.
    is_free()?;
    let slot = context.acquire_slot(queue_path(None, request.address, &email))?;
    is_free()?;
    let phc = slot.hash(&password)?;
    drop(slot);
    let id = match context.store.create_account(&email, &name, &phc, request.now) {
        Err(sql::Error::AlreadyExists) => return Err(taken()),
        made => made?,
    };
    SIGNUPS.inc();
    json(201, &Made { id, email: &email, name: &name })
}

/// A password to be set, from the field `key`.
///
/// # Errors
/// 400 if it is too short or too long.
pub(crate) fn chosen(text: String, key: &str) -> Result<Password, ApiError> {
    let wrong = || ApiError::bad_request(format!("`{key}` must have 6 to 1024 bytes"));
    Password::chosen(text).ok_or_else(wrong)
}

fn taken() -> ApiError {
    ApiError::new(ErrorCode::EmailTaken, "email already registered")
}
