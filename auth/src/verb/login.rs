//! `POST /login`: gives a device a token.

use serde::Serialize;
use sql::Login;
use wire::{AccountId, Email, Token};

use crate::answer::Answer;
use crate::context::{Claim, Context};
use crate::device::DeviceId;
use crate::limit::SESSION_MS;
use crate::metrics::LOGINS;
use crate::password::{Password, Permit};
use crate::refusal::{Code, Refusal};
use crate::request::Request;
use crate::throttle::Origin;
use crate::{text, token};

#[derive(Serialize)]
struct LoggedIn<'a> {
    id: AccountId,
    name: &'a str,
    token: &'a str,
    expires_at: i64,
    device_secret: &'a str,
}

/// What was asked for.
struct Wish<'a> {
    email: &'a Email,
    password: &'a Password,
    /// What the device calls itself.
    device: &'a str,
    /// What it was given at an earlier login, perhaps.
    secret: &'a str,
}

pub(crate) fn login(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    let mut fields = request.fields()?;
    let email = fields.text("email")?;
    let password = Password::claimed(fields.text("password")?);
    let device = fields.maybe_text("device")?.unwrap_or_default();
    let device = text::device(&device).map_err(Refusal::bad_request)?;
    let secret = fields.maybe_text("device_secret")?.unwrap_or_default();
    // What is no email is nobody's, and nothing to be remembered by the brake.
    let email = Email::claimed(&email).map_err(|_| wrong())?;
    let wish = Wish { email: &email, password: &password, device: &device, secret: &secret };
    let outcome = open(context, request, &wish);
    LOGINS.inc(match &outcome {
        Ok(_) => "ok",
        Err(refusal) => match refusal.code {
            Code::WrongCredentials => "wrong",
            Code::RateLimited => "braked",
            Code::Busy => "busy",
            _ => "failed",
        },
    });
    outcome
}

fn open(context: &Context, request: &Request, wish: &Wish<'_>) -> Result<Answer, Refusal> {
    let (email, password, device) = (wish.email, wish.password, wish.device);
    let credentials = context.store.credentials(&email.text)?;
    // However it is written, the brake knows it by one text.
    let folded = email.key.as_deref().unwrap_or(&email.text);
    let email = credentials.as_ref().map_or(folded, |credentials| &*credentials.account.email);
    let phc = credentials.as_ref().map(|credentials| credentials.phc.as_str());
    // Looked at with the same care whether the account exists or not.
    let known = DeviceId::proved(wish.secret, phc.unwrap_or(context.hasher.dummy()));
    let claim = Claim {
        from: request.address,
        origin: known.map(Origin::Device),
        email,
        credentials: credentials.as_ref(),
    };
    let permit = context.prove(&claim, password)?.ok_or_else(wrong)?;
    let credentials = credentials.ok_or_else(wrong)?;
    let account = &credentials.account;
    let better = strengthen(context, account.id, &credentials.phc, password, &permit)?;
    drop(permit);
    // The same again for a device that has one.
    let id = known.map_or_else(DeviceId::mint, Ok).map_err(|error| Refusal::internal(&error))?;
    let device_secret = &id.secret(better.as_ref().unwrap_or(&credentials.phc));

    let token: Token = token::mint().map_err(|error| Refusal::internal(&error))?;
    let expires_at = request.now + SESSION_MS;
    let login = Login {
        account: account.id,
        epoch: credentials.epoch,
        token: token.hash(),
        device,
        now: request.now,
        expires_at,
    };
    // Nothing is opened if the password was changed, or the account deleted, since the credentials were read.
    context.store.open_session(&login)?.ok_or_else(wrong)?;
    let (id, name, token) = (account.id, account.name.as_str(), token.expose());
    Answer::json(200, &LoggedIn { id, name, token, expires_at, device_secret })
}

/// Replaces a hash from a time when less was thought enough: only now the password is at hand. The better one, if there is one.
fn strengthen(
    context: &Context,
    id: AccountId,
    phc: &str,
    password: &Password,
    permit: &Permit<'_>,
) -> Result<Option<String>, Refusal> {
    let Some(better) = permit.better(password, phc).transpose()? else { return Ok(None) };
    // False: another login was faster, and its hash is the one that stays.
    let is_stored = context.store.rehash(id, phc, &better)?;
    Ok(is_stored.then_some(better))
}

fn wrong() -> Refusal {
    Refusal::new(Code::WrongCredentials, "wrong email or password")
}
