//! `POST /login`: checks email and password, and returns a token.

use http::Response;
use serde::Serialize;
use sql::Login;
use wire::{AccountId, Email, Token};

use crate::context::{Context, LoginAttempt};
use crate::device::DeviceId;
use crate::error::{ApiError, ErrorCode};
use crate::json::json;
use crate::limit::SESSION_MS;
use crate::metrics::LOGINS;
use crate::password::{HashSlot, Password};
use crate::request::Request;
use crate::throttle::Origin;
use crate::{device_name, token};

#[derive(Serialize)]
struct LoggedIn<'a> {
    id: AccountId,
    name: &'a str,
    /// Absent if the token is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    expires_at: i64,
    device_secret: &'a str,
}

/// The parameters of a login.
struct LoginRequest<'a> {
    email: &'a Email,
    password: &'a Password,
    /// The name of the device.
    device: &'a str,
    /// The device secret of an earlier login, or an empty text.
    secret: &'a str,
    /// Whether the token goes into a cookie, for the web client.
    is_web: bool,
}

pub(crate) fn login(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let email = fields.text("email")?;
    let password = Password::unchecked(fields.text("password")?);
    let device = fields.maybe_text("device")?.unwrap_or_default();
    let device = device_name::clean(&device).map_err(ApiError::bad_request)?;
    let secret = fields.maybe_text("device_secret")?.unwrap_or_default();
    let is_web = fields.flag("web")?;
    // A text that is no email belongs to no account, and the throttle need not remember it.
    let email = Email::claimed(&email).map_err(|_| wrong())?;
    let wish = LoginRequest {
        email: &email,
        password: &password,
        device: &device,
        secret: &secret,
        is_web,
    };
    let outcome = open(context, request, &wish);
    LOGINS.inc(match &outcome {
        Ok(_) => "ok",
        Err(refusal) => match refusal.code {
            ErrorCode::WrongCredentials => "wrong",
            ErrorCode::RateLimited => "throttled",
            ErrorCode::Busy => "busy",
            ErrorCode::AccountDisabled => "disabled",
            _ => "failed",
        },
    });
    outcome
}

fn open(
    context: &Context,
    request: &Request,
    wish: &LoginRequest<'_>,
) -> Result<Response, ApiError> {
    let (email, password, device) = (wish.email, wish.password, wish.device);
    let credentials = context.store.credentials(&email.text)?;
    // The throttle counts all spellings of an email together.
    let folded = email.identity();
    let email = credentials.as_ref().map_or(folded, |credentials| &*credentials.account.email);
    let phc = credentials.as_ref().map(|credentials| credentials.phc.as_str());
    // The steps are the same whether the account exists or not.
    let known = DeviceId::proved(wish.secret, phc.unwrap_or(context.hasher.dummy()));
    let attempt = LoginAttempt {
        from: request.address,
        origin: known.map(Origin::Device),
        email,
        credentials: credentials.as_ref(),
    };
    let slot = context.verify_password(&attempt, password)?.ok_or_else(wrong)?;
    let credentials = credentials.ok_or_else(wrong)?;
    if credentials.is_disabled {
        return Err(disabled());
    }
    let account = &credentials.account;
    let better = rehash_if_needed(context, account.id, &credentials.phc, password, &slot)?;
    drop(slot);
    // A device that has a secret gets the same again.
    let id = known.map_or_else(DeviceId::mint, Ok).map_err(|error| ApiError::internal(&error))?;
    let device_secret = &id.secret(better.as_ref().unwrap_or(&credentials.phc));

    let token: Token = token::mint().map_err(|error| ApiError::internal(&error))?;
    let expires_at = request.now + SESSION_MS;
    let login = Login {
        account: account.id,
        epoch: credentials.epoch,
        token: token.hash(),
        device,
        now: request.now,
        expires_at,
    };
    // No session is opened if the password was changed or the account deleted since the credentials were read.
    context.store.open_session(&login)?.ok_or_else(wrong)?;
    let (id, name) = (account.id, account.name.as_str());
    let shown = (!wish.is_web).then(|| token.expose());
    let response = json(200, &LoggedIn { id, name, token: shown, expires_at, device_secret })?;
    Ok(match wish.is_web {
        true => response.with_header("Set-Cookie", request.cookie.kept(&token)),
        false => response,
    })
}

/// Replaces a stored hash that is weaker than the present parameters, since the password is known only now. Returns the
/// new hash, if there is one.
fn rehash_if_needed(
    context: &Context,
    id: AccountId,
    phc: &str,
    password: &Password,
    slot: &HashSlot<'_>,
) -> Result<Option<String>, ApiError> {
    let Some(better) = slot.better(password, phc).transpose()? else { return Ok(None) };
    // False: another login was faster, and its hash is the one that stays.
    let is_stored = context.store.rehash(id, phc, &better)?;
    Ok(is_stored.then_some(better))
}

/// The refusal of an account that the operator has disabled. Only a client with the password gets it.
fn disabled() -> ApiError {
    ApiError::new(
        ErrorCode::AccountDisabled,
        "this account is locked; ask whoever runs this server to let it in again",
    )
}

fn wrong() -> ApiError {
    ApiError::new(ErrorCode::WrongCredentials, "wrong email or password")
}
