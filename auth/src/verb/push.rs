//! `/push`: the subscription of this session to Web Push. `/push/key`: the key of this server.

use http::Response;
use push::{Endpoint, SubscriptionKeys};
use serde::Serialize;
use sql::{PushBounds, PushSubscription, Session, Subscribed};

use crate::context::Context;
use crate::error::ApiError;
use crate::json::json;
use crate::limit::{PUSH_SUBSCRIPTIONS_MAX, PUSH_SUBSCRIPTIONS_PER_ACCOUNT};
use crate::request::Request;

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
}

pub(crate) fn key(context: &Context, _: &Request) -> Result<Response, ApiError> {
    let key = context.push.public_key(&context.store)?;
    json(200, &Key { key: &key })
}

pub(crate) fn subscribe(
    context: &Context,
    request: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    let mut fields = request.fields()?;
    let (endpoint, p256dh) = (fields.text("endpoint")?, fields.text("p256dh")?);
    let auth = fields.text("auth")?;
    let wrong = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string());
    let endpoint =
        Endpoint::parse(&endpoint, &context.push.allowed).map_err(|error| wrong(&error))?;
    let keys = SubscriptionKeys::parse(&p256dh, &auth).map_err(|error| wrong(&error))?;
    let subscription = PushSubscription {
        session: session.id,
        account: session.account,
        host: endpoint.host().to_owned(),
        endpoint: endpoint.as_str().to_owned(),
        p256dh: keys.public().to_vec(),
        auth: keys.secret().to_vec(),
    };
    let bounds =
        PushBounds { per_account: PUSH_SUBSCRIPTIONS_PER_ACCOUNT, in_all: PUSH_SUBSCRIPTIONS_MAX };
    match context.store.subscribe_push(&subscription, bounds, request.now)? {
        Subscribed::Yes => Ok(Response::no_content()),
        Subscribed::NoSession => Err(ApiError::unauthorized()),
        Subscribed::Full => Err(ApiError::unavailable(
            "as many devices are notified as this server can notify; try again later",
        )),
    }
}

pub(crate) fn unsubscribe(
    context: &Context,
    _: &Request,
    session: &Session,
) -> Result<Response, ApiError> {
    context.store.unsubscribe_push(session.account, session.id)?;
    Ok(Response::no_content())
}
