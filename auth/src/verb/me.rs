//! `/me`: the client's own account: shows, changes or deletes it.

use std::time::Instant;

use http::Response;
use serde::Serialize;
use sql::{Account, PICTURE_BYTES_MAX, PictureOutcome, Privacy, PrivacyChange, Profile, Session};
use wire::Email;

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::password::Password;
use crate::request::Request;
use crate::verb::email;

const _: () = assert!(PICTURE_BYTES_MAX == 1024 * 1024, "as in the sentence");
const NO_PICTURE: &str =
    "`picture` must be the id of a whole upload of yours, an image of at most 1 MiB, or null";

#[derive(Serialize)]
struct Me {
    id: wire::AccountId,
    email: String,
    name: String,
    created_at: i64,
    /// Whether the email is proved, or needed no proof.
    confirmed: bool,
    /// The email that the account gets once it is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_email: Option<String>,
    /// The file that is its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// Whether it shows its last-seen time, and sees that of others.
    last_seen: bool,
    /// Whether it shows what it has read, and sees what others have read.
    read_receipts: bool,
    /// Bytes of text and files that it has sent and that are stored.
    stored: i64,
    /// The bound of `stored`; 0: no limit.
    quota: i64,
}

pub(crate) fn show(
    context: &Context,
    request: &Request,
    profile: Profile,
) -> Result<Response, ApiError> {
    let response = reply(context, profile.account, profile.privacy, profile.stored)?;
    // The page requests this when it opens. So the cookie is renewed together with its session.
    Ok(match request.token.as_ref().filter(|_| request.is_cookie) {
        Some(token) => response.with_header("Set-Cookie", request.cookie.kept(token)),
        None => response,
    })
}

pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let (name, email) = (fields.maybe_text("name")?, fields.maybe_text("email")?);
    let name = name.map(|name| wire::name(&name).map_err(ApiError::bad_request)).transpose()?;
    let picture = fields.nullable_text("picture")?;
    let privacy = PrivacyChange {
        last_seen: fields.maybe_flag("last_seen")?,
        read_receipts: fields.maybe_flag("read_receipts")?,
    };
    let is_empty = name.is_none() && email.is_none() && picture.is_none();
    if is_empty && privacy == PrivacyChange::default() {
        return Err(ApiError::bad_request(
            "one of `name`, `email`, `picture`, `last_seen` and `read_receipts` must be there",
        ));
    }
    count_changes(context, session, name.as_deref(), picture.as_ref())?;
    if let Some(email) = email {
        let email = Email::chosen(&email).map_err(ApiError::bad_request)?;
        let password = Password::unchecked(fields.text("password")?);
        // The change of the email comes first, since it may be refused.
        email::change(context, request, session, &email, &password)?;
    }
    if let Some(picture) = picture {
        let outcome =
            context.store.set_picture(session.account, picture.as_deref(), request.now)?;
        match outcome {
            PictureOutcome::Changed => {}
            PictureOutcome::NoAccount => return Err(ApiError::unauthorized()),
            PictureOutcome::NoPicture => return Err(ApiError::bad_request(NO_PICTURE)),
        }
    }
    if let Some(name) = name {
        context.store.rename(session.account, &name)?;
    }
    if privacy != PrivacyChange::default() {
        context.store.set_privacy(session.account, privacy, request.now)?;
    }
    // None: deleted since the session was looked up.
    let account = context.store.account(session.account)?.ok_or_else(ApiError::unauthorized)?;
    let state = context.store.log_state(account.id)?.ok_or_else(ApiError::unauthorized)?;
    reply(context, account, state.privacy, state.stored)
}

/// Counts the change of the name and of the picture, if they are others than before.
///
/// # Errors
/// 429 above [`PROFILE_CHANGES`](crate::limit::PROFILE_CHANGES).
fn count_changes(
    context: &Context,
    session: &Session,
    name: Option<&str>,
    picture: Option<&Option<String>>,
) -> Result<(), ApiError> {
    if name.is_none() && picture.is_none() {
        return Ok(());
    }
    let account = context.store.account(session.account)?.ok_or_else(ApiError::unauthorized)?;
    let is_other_name = name.is_some_and(|name| name != account.name);
    let is_other_picture = picture.is_some_and(|picture| *picture != account.picture);
    for _ in [is_other_name, is_other_picture].into_iter().filter(|is_other| *is_other) {
        let taken = context.profile_changes.take(&session.account, Instant::now());
        let sentence = "you have changed your name and your picture often today; wait";
        taken.map_err(|wait| ApiError::rate_limited(sentence, wait))?;
    }
    Ok(())
}

pub(crate) fn delete(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let password = Password::unchecked(request.fields()?.text("password")?);
    drop(context.verify_own_password(request, session, &password)?);
    context.store.delete_account(session.account, request.now)?;
    Ok(request.without_cookie(Response::no_content()))
}

fn reply(
    context: &Context,
    account: Account,
    privacy: Privacy,
    stored: i64,
) -> Result<Response, ApiError> {
    let Account { id, email, name, created_at, picture, .. } = account;
    let (confirmed, new_email) = (account.is_proved, account.next_email);
    let Privacy { last_seen, read_receipts } = privacy;
    let quota = context.store.quota().unwrap_or(0);
    json(
        200,
        &Me {
            id,
            email,
            name,
            created_at,
            confirmed,
            new_email,
            picture,
            last_seen,
            read_receipts,
            stored,
            quota,
        },
    )
}
