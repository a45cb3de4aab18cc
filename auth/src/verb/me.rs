//! `/me`: one's own account, looked at, renamed or deleted.

use serde::Serialize;
use sql::{Account, Session};

use crate::answer::Answer;
use crate::context::{Claim, Context};
use crate::password::Password;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::throttle::Origin;

#[derive(Serialize)]
struct Me {
    id: wire::AccountId,
    email: String,
    name: String,
    created_at: i64,
    /// Bytes of text that it has sent and that are kept.
    stored: i64,
    /// How many there may be; 0: no limit.
    quota: i64,
}

pub(crate) fn show(context: &Context, _: &Request, session: &Session) -> Result<Answer, Refusal> {
    reply(context, context.store.account(session.account)?)
}

pub(crate) fn rename(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    let name = wire::name(&request.fields()?.text("name")?).map_err(Refusal::bad_request)?;
    reply(context, context.store.rename(session.account, &name)?)
}

pub(crate) fn delete(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    let password = Password::claimed(request.fields()?.text("password")?);
    let credentials = context.store.credentials_of(session.account)?;
    let credentials = credentials.ok_or_else(Refusal::unauthorized)?;
    let claim = Claim {
        from: request.address,
        origin: Some(Origin::Session(session.id)),
        email: &credentials.account.email,
        credentials: Some(&credentials),
    };
    drop(context.prove(&claim, &password)?.ok_or_else(Refusal::wrong_password)?);
    context.store.delete_account(session.account, request.now)?;
    Ok(Answer::done())
}

fn reply(context: &Context, account: Option<Account>) -> Result<Answer, Refusal> {
    // None: deleted since the session was looked up.
    let Account { id, email, name, created_at } = account.ok_or_else(Refusal::unauthorized)?;
    let state = context.store.log_state(id)?.ok_or_else(Refusal::unauthorized)?;
    let (stored, quota) = (state.stored, context.store.quota().unwrap_or(0));
    Answer::json(200, &Me { id, email, name, created_at, stored, quota })
}
