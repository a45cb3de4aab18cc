//! `POST /signup`: creates an account.

use http::Response;
use std::time::Instant;

use serde::Serialize;
use sql::{NewAccount, ShownCode};
use wire::{Email, Token};

use crate::args::SignupRule;
use crate::context::{Context, queue_path};
use crate::error::{ApiError, ErrorCode};
use crate::json::json;
use crate::metrics::SIGNUPS;
use crate::password::Password;
use crate::request::Request;
use crate::verb::email::add_code;

#[derive(Serialize)]
struct Made<'a> {
    id: wire::AccountId,
    email: &'a str,
    name: &'a str,
}

pub(crate) fn signup(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let email = Email::chosen(&fields.text("email")?).map_err(ApiError::bad_request)?;
    let name = wire::name(&fields.text("name")?).map_err(ApiError::bad_request)?;
    let password = chosen(fields.text("password")?, "password")?;
    let invite = fields.maybe_text("invite")?;
    if let Some(signups) = &context.signups {
        let taken = signups.take(request.address, Instant::now());
        taken.map_err(|wait| ApiError::rate_limited("too many signups; wait", wait))?;
    }
    let invitation = invitation(context, &email, invite.as_deref(), request.now)?;
    let email = email.text;
    let is_free = || match context.store.find_by_email(&email)? {
        Some(_) => Err(ApiError::email_taken()),
        None => Ok(()),
    };
    // Checked before the queue and after it: a needless hash takes the turn of others, and a failed insert an id.
    is_free()?;
    let slot = context.acquire_slot(queue_path(None, request.address, &email))?;
    is_free()?;
    let phc = slot.hash(&password)?;
    drop(slot);
    let new = NewAccount {
        email: &email,
        name: &name,
        phc: &phc,
        is_proved: context.mailer.is_none(),
        invitation,
        now: request.now,
    };
    let id = match context.store.sign_up(&new) {
        Err(sql::Error::AlreadyExists) => return Err(ApiError::email_taken()),
        // None: others have used the invitation up meanwhile.
        made => made?.ok_or_else(invite_required)?,
    };
    SIGNUPS.inc();
    if let Some(mailer) = &context.mailer {
        // The account exists in any case, and its owner can ask for another mail.
        match add_code(context, id, &email, request.now) {
            Ok(code) => mailer.confirm(&email, &code),
            Err(error) => {
                tracing::warn!(
                    code = error.code.word(),
                    "a link that proves an email is not mailed"
                );
            }
        }
    }
    json(201, &Made { id, email: &email, name: &name })
}

/// The invitation to be used up, if a signup needs one.
///
/// # Errors
/// 403 without a valid one, or if nobody can sign up.
fn invitation(
    context: &Context,
    email: &Email,
    code: Option<&str>,
    now: i64,
) -> Result<Option<ShownCode>, ApiError> {
    match context.signup {
        SignupRule::Open => return Ok(None),
        SignupRule::Invite => {}
        SignupRule::Closed => {
            return Err(ApiError::new(
                ErrorCode::SignupClosed,
                "nobody can sign up here; ask whoever runs this server for an account",
            ));
        }
    }
    let code = code.and_then(|code| Token::parse(code.trim())).ok_or_else(invite_required)?;
    let shown = ShownCode { hash: code.hash(), email: code.hash_with(email.identity()) };
    match context.store.is_invited(&shown, now)? {
        true => Ok(Some(shown)),
        false => Err(invite_required()),
    }
}

fn invite_required() -> ApiError {
    ApiError::new(
        ErrorCode::InviteRequired,
        "signing up here takes an invitation that is still good, for this email; ask whoever runs this server for one",
    )
}

/// A password to be set, from the field `key`.
///
/// # Errors
/// 400 if it is too short or too long.
pub(crate) fn chosen(text: String, key: &str) -> Result<Password, ApiError> {
    let wrong = || ApiError::bad_request(format!("`{key}` must have 6 to 1024 bytes"));
    Password::chosen(text).ok_or_else(wrong)
}
