//! `{"type":"hello","token":"…"}`: authenticates the client, and resumes its log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::LogPosition;
use wire::limit::SESSION_USE_MS;
use wire::{AccountId, Close, Code, Frame, Seq, SessionId, Token};

use crate::client::{Client, Identity};
use crate::committer::Task;
use crate::flow::EndReason;
use crate::hub::{Endpoint, Registered};
use crate::limit::{HELLO_REFUSAL_HELD, SEEN_EVERY};
use crate::metrics;
use crate::rate_limit::{RateKind, RateLimit};
use crate::replay::Replay;
use crate::replies::Replies;
use crate::server::{Accounts, Server};
use crate::token_throttle::LookupPermit;

/// The parts of a connection that a hello needs.
pub(crate) struct HelloContext<'a> {
    pub(crate) server: &'a Server,
    pub(crate) client: &'a mut Client,
    pub(crate) replies: &'a Replies,
    /// When the tick began.
    pub(crate) now: Instant,
}

/// The replay that a valid hello starts, if the client has missed events.
pub(crate) type Replayed = Result<Option<Replay>, EndReason>;

/// A guest gets a number at once.
pub(crate) fn welcome_guest(context: &mut HelloContext<'_>, id: AccountId) {
    let rate_limit = context.server.rate_limits.guest();
    register(context, id, None, rate_limit);
    context.replies.push(&Frame::Welcome {
        id,
        name: None,
        seq: None,
        head: None,
        recovered: None,
        now: None,
        reference: None,
    });
}

/// The `ref` of the frame that carried the token, by the answer that it gets.
#[derive(Clone, Copy)]
pub(crate) enum HelloRef<'a> {
    /// Of a hello: the answer is the welcome, or an error.
    Hello(Option<&'a str>),
    /// Of a first message: the answer is an error, or that of the message itself.
    FirstMessage(Option<&'a str>),
}

impl<'a> HelloRef<'a> {
    fn in_error(self) -> Option<&'a str> {
        let (Self::Hello(reference) | Self::FirstMessage(reference)) = self;
        reference
    }

    fn in_welcome(self) -> Option<&'a str> {
        match self {
            Self::Hello(reference) => reference,
            Self::FirstMessage(_) => None,
        }
    }
}

/// Carries out a hello.
pub(crate) fn hello(
    context: &mut HelloContext<'_>,
    token: &str,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Replayed {
    let reference = hello_ref.in_error();
    if context.client.account().is_some() {
        context.replies.refuse(
            Code::BadRequest,
            "this connection has been welcomed already",
            reference,
        );
        return Ok(None);
    }
    match Token::parse(token) {
        Some(token) => authenticate(context, &token, since, hello_ref),
        None => {
            let flow = turn_away(context, reference);
            note_failure(context);
            flow
        }
    }
}

/// Welcomes a client with a valid token, and starts the replay of the events that it has missed.
pub(crate) fn authenticate(
    context: &mut HelloContext<'_>,
    token: &Token,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Replayed {
    let server = context.server;
    let Some(accounts) = server.accounts() else { return Ok(None) };
    let Identity::Unknown { deadline, address } = context.client.identity else { return Ok(None) };
    let is_ticket = token.is_ticket();
    let token = token.hash();
    let permit = match accounts.store.last_owner(&token) {
        Some(account) => {
            // A hello beyond the limit is refused without a look-up.
            if let Err(wait) = server.rate_limits.peek(account, RateKind::Hello, context.now) {
                return too_often(context, wait, hello_ref);
            }
            None
        }
        None => {
            let Some(permit) = server.token_throttle.acquire(address, context.now, deadline) else {
                let message = "too many others try out tokens from where you are; try again";
                context.replies.refuse(Code::Unavailable, message, hello_ref.in_error());
                wait_again(context);
                return Ok(None);
            };
            Some(permit)
        }
    };
    let now = || accounts.store.now();
    let flow = if is_ticket {
        match accounts.store.redeem_ticket(&token, now()) {
            Ok(Some(ticket)) => {
                let look_up = || accounts.store.log_position_of(ticket, now());
                introduce(context, accounts, permit, look_up, since, hello_ref)
            }
            Ok(None) => turn_away(context, hello_ref.in_error()),
            Err(error) => not_looked_up(context, &error, hello_ref),
        }
    } else {
        let look_up = || accounts.store.log_position(&token, now());
        introduce(context, accounts, permit, look_up, since, hello_ref)
    };
    if let Err(EndReason::Close(Close::Unauthorized)) = flow {
        note_failure(context);
    }
    flow
}

/// Counts a wrong token for the client's network, and holds its refusal back if there were too many.
fn note_failure(context: &HelloContext<'_>) {
    let Identity::Unknown { address, .. } = context.client.identity else { return };
    if context.server.token_throttle.record_failure(address, context.now) {
        hold_back(context);
    }
}

/// Waits before a refusal is sent, which slows down a client that repeats its request at once.
fn hold_back(context: &HelloContext<'_>) {
    context.server.shutdown.wait_for(HELLO_REFUSAL_HELD);
}

/// `look_up`: the account and session of the token, if it is valid. `permit` is held for the first look-up only, since
/// others wait for it.
fn introduce(
    context: &mut HelloContext<'_>,
    accounts: &Accounts,
    permit: Option<LookupPermit<'_>>,
    look_up: impl Fn() -> sql::Result<Option<LogPosition>>,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Replayed {
    let reference = hello_ref.in_error();
    let generation = context.server.hub.generation();
    let found = look_up();
    drop(permit);
    let mut position = match found {
        Ok(Some(position)) => position,
        Ok(None) => return turn_away(context, reference),
        Err(error) => return not_looked_up(context, &error, hello_ref),
    };
    let rate_limit = context.server.rate_limits.of(position.account, context.now);
    if let Err(wait) = rate_limit.take(RateKind::Hello, context.now) {
        return too_often(context, wait, hello_ref);
    }
    context.replies.outbox().start_replay();
    register(context, position.account, Some(position.session), rate_limit);
    // From here on other threads find this connection in the hub. If they delivered anything since the look-up, this
    // session may have ended or its log may have grown, so it is looked up again. `hub` says why this misses nothing.
    if context.server.hub.generation() != generation {
        position = match look_up() {
            Ok(Some(position)) => position,
            Ok(None) => return turn_away(context, reference),
            Err(error) => {
                tracing::warn!(%error, "a hello failed: the database cannot be read");
                let is_broken = matches!(error, sql::Error::Internal(_) | sql::Error::Corrupted(_));
                let close = if is_broken { Close::Internal } else { Close::GoingAway };
                return Err(EndReason::Close(close));
            }
        };
    }
    tracing::info!(account = %position.account, session = %position.session, "welcomed");
    let wanted = since.unwrap_or(position.acknowledged);
    let recovered = position.forgotten <= wanted && wanted <= position.head;
    let seq = wanted.clamp(position.forgotten, position.head);
    context.client.record_received(seq);
    if let Some(pushes) = &context.server.pushes {
        pushes.client_connected(position.session);
    }
    context.replies.push(&Frame::Welcome {
        id: position.account,
        name: Some(position.name.as_str().into()),
        seq: Some(seq),
        head: Some(position.head),
        recovered: Some(recovered),
        now: Some(accounts.store.now()),
        reference: hello_ref.in_welcome().map(Into::into),
    });
    // A session that was used lately need not be recorded as in use.
    if position.seen_at - accounts.store.now() < SESSION_USE_MS - SEEN_EVERY.as_millis() as i64 {
        accounts.committer.submit(Task::SessionUse(position.session));
    }
    // Most clients have missed nothing. The log need not be read to know it: the outbox knows of events since the
    // look-up.
    let is_live = seq >= position.head && context.replies.outbox().go_live(seq);
    Ok((!is_live).then(|| Replay::new(position.account, seq, position.head)))
}

/// Answers that the database is unavailable. The client may repeat its hello.
fn not_looked_up(
    context: &mut HelloContext<'_>,
    error: &sql::Error,
    hello_ref: HelloRef<'_>,
) -> Replayed {
    wait_again(context);
    context.replies.query_error(error, hello_ref.in_error());
    Ok(None)
}

/// A client that sent its hello in time, but could not be looked up, gets the same time again for the next hello.
fn wait_again(context: &mut HelloContext<'_>) {
    let fresh = Instant::now() + context.server.timeouts.hello;
    if let Identity::Unknown { deadline, .. } = &mut context.client.identity {
        *deadline = fresh;
    }
}

/// Sets the account of the connection, and registers it in the hub.
fn register(
    context: &mut HelloContext<'_>,
    id: AccountId,
    session: Option<SessionId>,
    rate_limit: Arc<RateLimit>,
) {
    let HelloContext { server, client, replies, .. } = context;
    client.identify(id, session, rate_limit);
    let since = server.presence.now();
    let endpoint = Endpoint { outbox: Arc::clone(replies.outbox()), session, since };
    let registered = server.hub.register(id, endpoint);
    if let Some(cluster) = &server.cluster {
        cluster.connections_changed(id);
    }
    match registered {
        Registered::First => server.inbox.presence_changed(id, since),
        Registered::Additional => {}
        Registered::Evicted(oldest) => oldest.cut_short(Close::TooManyConnections),
    }
    metrics::PEOPLE.inc();
    replies.outbox().mark_established();
}

/// Refuses a hello of an account that has sent too many, and ends the connection, so that the client waits before it
/// reconnects.
fn too_often(context: &HelloContext<'_>, wait: Duration, hello_ref: HelloRef<'_>) -> Replayed {
    hold_back(context);
    context.replies.too_fast(wait.saturating_sub(HELLO_REFUSAL_HELD), hello_ref.in_error());
    Err(EndReason::Close(Close::FastWriter))
}

fn turn_away(context: &HelloContext<'_>, reference: Option<&str>) -> Replayed {
    context.replies.refuse(
        Code::Unauthorized,
        "the token is wrong, expired or revoked; log in again",
        reference,
    );
    Err(EndReason::Close(Close::Unauthorized))
}

#[cfg(test)]
mod tests;
