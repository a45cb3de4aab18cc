//! `POST /signup`: makes an account.

use std::time::Instant;

use serde::Serialize;
use wire::Email;

use crate::answer::Answer;
use crate::context::{Context, parties};
use crate::metrics::SIGNUPS;
use crate::password::Password;
use crate::refusal::{Code, Refusal};
use crate::request::Request;

#[derive(Serialize)]
struct Made<'a> {
    id: wire::AccountId,
    email: &'a str,
    name: &'a str,
}

pub(crate) fn signup(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    let mut fields = request.fields()?;
    let email = Email::chosen(&fields.text("email")?).map_err(Refusal::bad_request)?.text;
    let name = wire::name(&fields.text("name")?).map_err(Refusal::bad_request)?;
    let password = chosen(fields.text("password")?, "password")?;
    if let Some(signups) = &context.signups {
        let taken = signups.take(request.address, Instant::now());
        taken.map_err(|wait| Refusal::rate_limited("too many signups; wait", wait))?;
    }
    let is_free = || match context.store.find_by_email(&email)? {
        Some(_) => Err(taken()),
        None => Ok(()),
    };
    // Before the queue and after it: a hash for nothing costs others their turn, and a failed insert an id.
    is_free()?;
    let permit = context.permit(parties(None, request.address, &email))?;
    is_free()?;
    let phc = permit.hash(&password)?;
    drop(permit);
    let id = match context.store.create_account(&email, &name, &phc, request.now) {
        Err(sql::Error::AlreadyExists) => return Err(taken()),
        made => made?,
    };
    SIGNUPS.inc();
    Answer::json(201, &Made { id, email: &email, name: &name })
}

/// A password to be set, from the field `key`.
///
/// # Errors
/// 400 if it is too short or too long.
pub(crate) fn chosen(text: String, key: &str) -> Result<Password, Refusal> {
    let wrong = || Refusal::bad_request(format!("`{key}` must have 6 to 1024 bytes"));
    Password::chosen(text).ok_or_else(wrong)
}

fn taken() -> Refusal {
    Refusal::new(Code::EmailTaken, "email already registered")
}
