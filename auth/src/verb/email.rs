//! `PATCH /me` with another email: proved first, where mail is set up.

use std::time::Instant;

use sql::{Account, AccountCode, CodePurpose, Session};
use wire::{AccountId, Email, Token};

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::{CODE_LIFE_MS, CODE_RETRY_AFTER};
use crate::password::Password;
use crate::request::Request;
use crate::token;

/// Gives the account another email. Where mail is set up, the email changes once the code that is mailed there is
/// presented. A request with the account's own email cancels an earlier one, and mails a link there if the email is not
/// proved.
///
/// # Errors
/// 403 for a wrong password, 409 if somebody else has the email, 429 after too many tries or links.
pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
    email: &Email,
    password: &Password,
) -> Result<Account, ApiError> {
    let (credentials, slot) = context.verify_own_password(request, session, password)?;
    drop(slot);
    let account = &credentials.account;
    // Each try reveals whether an account has this email.
    let looked_up = context.lookups.take(&session.account, Instant::now());
    looked_up.map_err(|wait| ApiError::rate_limited("too many emails were tried; wait", wait))?;
    let owner = context.store.find_by_email(&email.text)?.map(|owner| owner.id);
    if owner.is_some_and(|owner| owner != account.id) {
        return Err(ApiError::email_taken());
    }
    let is_own = owner.is_some();
    let changed = match &context.mailer {
        mailer if is_own && (account.is_proved || mailer.is_none()) => {
            context.store.set_next_email(account.id, None)?
        }
        None => match context.store.set_email(account.id, &email.text) {
            Err(sql::Error::AlreadyExists) => return Err(ApiError::email_taken()),
            changed => changed?,
        },
        Some(mailer) if is_own => {
            let code = add_code(context, account.id, &account.email, request.now)?;
            let changed = context.store.set_next_email(account.id, None)?;
            mailer.confirm(&account.email, &code);
            changed
        }
        Some(mailer) => {
            // This comes first because it may be refused. Then nothing has changed.
            let code = add_code(context, account.id, &email.text, request.now)?;
            let changed = context.store.set_next_email(account.id, Some(&email.text))?;
            mailer.confirm(&email.text, &code);
            mailer.notify(&account.email);
            changed
        }
    };
    // None: deleted meanwhile.
    changed.ok_or_else(ApiError::unauthorized)
}

/// Adds a code that proves an account's email, or its next one.
///
/// # Errors
/// 429 after too many codes.
pub(crate) fn add_code(
    context: &Context,
    account: AccountId,
    email: &str,
    now: i64,
) -> Result<Token, ApiError> {
    let code = token::mint_code().map_err(|error| ApiError::internal(&error))?;
    let bound = Some(code.hash_with(&Email::identity_of(email)));
    let (purpose, expires_at) = (CodePurpose::Confirmation, now + CODE_LIFE_MS);
    let new = AccountCode { purpose, account, hash: code.hash(), email: bound, now, expires_at };
    match context.store.add_account_code(&new)? {
        true => Ok(code),
        false => {
            let sentence = "three links were mailed within an hour; open one of them, or wait";
            Err(ApiError::rate_limited(sentence, CODE_RETRY_AFTER))
        }
    }
}
