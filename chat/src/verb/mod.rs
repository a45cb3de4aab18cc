//! What a client may ask for, one verb a file.

pub(crate) mod hello;
mod message;
mod ping;
mod received;

use wire::{Code, Request};

use crate::session::{Flow, Session, Who};
use crate::verb::hello::Asked;

/// Carries out one request. Before it is known who asks, only a token and a ping are listened to.
pub(crate) fn carry_out(session: &mut Session<'_>, request: Request<'_>) -> Flow {
    match (session.who, request) {
        (_, Request::Ping { reference }) => ping::answer(session, reference.as_deref()),
        (_, Request::Hello { token, since, reference }) => {
            return hello::hello(session, &token, since, Asked::Hello(reference.as_deref()));
        }
        (
            Who::Stranger { .. },
            Request::Message { token: Some(token), from, to, content, reference },
        ) => {
            hello::hello(session, &token, None, Asked::Message(reference.as_deref()))?;
            if let Some(me) = session.account() {
                return message::send(session, me, from, to, content, reference);
            }
        }
        (Who::Known(me), Request::Message { from, to, content, reference, .. }) => {
            return message::send(session, me, from, to, content, reference);
        }
        (Who::Known(me), Request::Received { seq, reference }) => {
            received::acknowledge(session, me, seq, reference);
        }
        (
            Who::Stranger { .. },
            Request::Message { reference, .. } | Request::Received { reference, .. },
        ) => {
            session.refuse(Code::Unauthorized, "say hello with a token first", reference.as_deref())
        }
    }
    Ok(())
}
