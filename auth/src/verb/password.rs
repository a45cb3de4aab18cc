//! `POST /password`: sets a new password and ends every other session.

use sql::Session;

use crate::answer::Answer;
use crate::context::{Claim, Context};
use crate::password::Password;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::throttle::Origin;
use crate::verb::signup::chosen;

pub(crate) fn change(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Answer, Refusal> {
    let mut fields = request.fields()?;
    let old = Password::claimed(fields.text("old")?);
    let new = chosen(fields.text("new")?, "new")?;
    let credentials = context.store.credentials_of(session.account)?;
    let credentials = credentials.ok_or_else(Refusal::unauthorized)?;
    let claim = Claim {
        from: request.address,
        origin: Some(Origin::Session(session.id)),
        email: &credentials.account.email,
        credentials: Some(&credentials),
    };
    let permit = context.prove(&claim, &old)?.ok_or_else(Refusal::wrong_password)?;
    let phc = permit.hash(&new)?;
    drop(permit);
    let (account, epoch) = (session.account, credentials.epoch);
    match context.store.set_password(account, epoch, &phc, session.id, request.now)? {
        true => Ok(Answer::done()),
        // Another change was faster, so that `old` is not the password any more.
        false => Err(Refusal::wrong_password()),
    }
}
