//! `POST /login`: gives a device a token.

use serde::Serialize;
use sql::Login;
use wire::{AccountId, Token};

use crate::answer::Answer;
use crate::context::{Claim, Context};
use crate::limit::SESSION_MS;
use crate::metrics::LOGINS;
use crate::password::{Password, Permit};
use crate::refusal::{Code, Refusal};
use crate::request::Request;
use crate::{text, token};

#[derive(Serialize)]
struct LoggedIn<'a> {
    id: AccountId,
    name: &'a str,
    token: &'a str,
    expires_at: i64,
}

pub(crate) fn login(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    let mut fields = request.fields()?;
    let email = fields.text("email")?;
    let password = Password::claimed(fields.text("password")?);
    let device = fields.maybe_text("device")?.unwrap_or_default();
    let device = text::device(&device).map_err(Refusal::bad_request)?;
    // What is no email is nobody's, and nothing to be remembered by the brake.
    let email = text::email(&email).map_err(|_| wrong())?;
    let outcome = open(context, request, &email, &password, &device);
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

fn open(
    context: &Context,
    request: &Request,
    email: &str,
    password: &Password,
    device: &str,
) -> Result<Answer, Refusal> {
    let credentials = context.store.credentials(email)?;
    let phc = credentials.as_ref().map(|credentials| credentials.phc.as_str());
    let claim = Claim { from: request.address, email, phc };
    let permit = context.prove(&claim, password)?.ok_or_else(wrong)?;
    let credentials = credentials.ok_or_else(wrong)?;
    let account = &credentials.account;
    strengthen(context, account.id, &credentials.phc, password, &permit)?;
    drop(permit);

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
    Answer::json(200, &LoggedIn { id, name, token, expires_at })
}

/// Replaces a hash from a time when less was thought enough: only now the password is at hand.
fn strengthen(
    context: &Context,
    id: AccountId,
    phc: &str,
    password: &Password,
    permit: &Permit<'_>,
) -> Result<(), Refusal> {
    if let Some(better) = permit.better(password, phc) {
        // False: another login was faster.
        context.store.rehash(id, phc, &better?)?;
    }
    Ok(())
}

fn wrong() -> Refusal {
    Refusal::new(Code::WrongCredentials, "wrong email or password")
}
