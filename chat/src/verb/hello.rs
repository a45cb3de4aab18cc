//! `{"type":"hello","token":"…"}`: who this is, and from where its log goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::LogPosition;
use wire::limit::SESSION_USE_MS;
use wire::{AccountId, Close, Code, Frame, Seq, Token};

use crate::committer::Task;
use crate::connection::{Connection, EndReason, Flow, Identity};
use crate::hub::{Endpoint, Registered};
use crate::limit::{HELLO_REFUSAL_HELD, SEEN_EVERY};
use crate::metrics;
use crate::rate_limit::{RateKind, RateLimit};
use crate::replay::Replay;
use crate::server::Accounts;
use crate::token_throttle::LookupPermit;

/// A guest gets a number, at once.
pub(crate) fn welcome_guest(connection: &mut Connection<'_>, id: AccountId) {
    let rate_limit = connection.server.rate_limits.guest();
    settle(connection, id, None, rate_limit);
    connection.outbox.push(&Frame::Welcome {
        id,
        name: None,
        seq: None,
        head: None,
        recovered: None,
        reference: None,
    });
}

/// What a `ref` in an introduction gets as its answer.
#[derive(Clone, Copy)]
pub(crate) enum HelloRef<'a> {
    /// A hello's: the welcome, or an error.
    Hello(Option<&'a str>),
    /// A first message's: an error; if there is none, the message's own answer follows.
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
    connection: &mut Connection<'_>,
    token: &str,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Flow {
    let reference = hello_ref.in_error();
    if connection.account().is_some() {
        connection.refuse(Code::BadRequest, "this connection has been welcomed already", reference);
        return Ok(());
    }
    match Token::parse(token) {
        Some(token) => authenticate(connection, &token, since, hello_ref),
        None => {
            let flow = turn_away(connection, reference);
            note_failure(connection);
            flow
        }
    }
}

/// Welcomes who shows a valid token, and starts the replay of what it has missed of the account's log.
pub(crate) fn authenticate(
    connection: &mut Connection<'_>,
    token: &Token,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Flow {
    let server = connection.server;
    let Some(accounts) = server.accounts() else { return Ok(()) };
    let Identity::Unknown { deadline, address } = connection.identity else { return Ok(()) };
    let token = token.hash();
    let permit = match accounts.store.last_owner(&token) {
        Some(account) => {
            // The database need not be asked whose it is to see that it is one too many.
            if let Err(wait) = server.rate_limits.peek(account, RateKind::Hello, connection.now) {
                return too_often(connection, wait, hello_ref);
            }
            None
        }
        None => {
            let Some(permit) = server.token_throttle.acquire(address, connection.now, deadline)
            else {
                let message = "too many others try out tokens from where you are; try again";
                connection.refuse(Code::Unavailable, message, hello_ref.in_error());
                wait_again(connection);
                return Ok(());
            };
            Some(permit)
        }
    };
    let look_up = || accounts.store.log_position(&token, accounts.store.now());
    let flow = introduce(connection, accounts, permit, look_up, since, hello_ref);
    if let Err(EndReason::Close(Close::Unauthorized)) = flow {
        note_failure(connection);
    }
    flow
}

/// Counts a wrong token for where it came from, and holds its refusal back if there were too many.
fn note_failure(connection: &Connection<'_>) {
    let Identity::Unknown { address, .. } = connection.identity else { return };
    if connection.server.token_throttle.record_failure(address, connection.now) {
        hold_back(connection);
    }
}

/// Waits before a refusal is sent, so that a client that asks again at once does so rarely.
fn hold_back(connection: &Connection<'_>) {
    connection.server.shutdown.wait_for(HELLO_REFUSAL_HELD);
}

/// `look_up`: whose the token is, if it is valid. `permit` is for the first one alone: others wait for it.
fn introduce(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    permit: Option<LookupPermit<'_>>,
    look_up: impl Fn() -> sql::Result<Option<LogPosition>>,
    since: Option<Seq>,
    hello_ref: HelloRef<'_>,
) -> Flow {
    let reference = hello_ref.in_error();
    let generation = connection.server.hub.generation();
    let found = look_up();
    drop(permit);
    let mut place = match found {
        Ok(Some(place)) => place,
        Ok(None) => return turn_away(connection, reference),
        Err(error) => {
            wait_again(connection);
            return connection.reply_query_error(&error, reference);
        }
    };
    let rate_limit = connection.server.rate_limits.of(place.account, connection.now);
    if let Err(wait) = rate_limit.take(RateKind::Hello, connection.now) {
        return too_often(connection, wait, hello_ref);
    }
    connection.outbox.start_replay();
    settle(connection, place.account, Some(place.session), rate_limit);
    // From here on others find this connection in the hub. Was anybody told of something while they did not, it may be that
    // this session has ended, or that its log goes on: both are seen now. See `hub` why this catches all of it.
    if connection.server.hub.generation() != generation {
        place = match look_up() {
            Ok(Some(place)) => place,
            Ok(None) => return turn_away(connection, reference),
            Err(error) => {
                tracing::warn!(%error, "a hello stopped halfway");
                let is_broken = matches!(error, sql::Error::Internal(_) | sql::Error::Corrupted(_));
                let close = if is_broken { Close::Internal } else { Close::GoingAway };
                return Err(EndReason::Close(close));
            }
        };
    }
    tracing::info!(account = %place.account, session = %place.session, "welcomed");
    let wanted = since.unwrap_or(place.acknowledged);
    let recovered = place.forgotten <= wanted && wanted <= place.head;
    let seq = wanted.clamp(place.forgotten, place.head);
    connection.outbox.push(&Frame::Welcome {
        id: place.account,
        name: Some(place.name.as_str().into()),
        seq: Some(seq),
        head: Some(place.head),
        recovered: Some(recovered),
        reference: hello_ref.in_welcome().map(Into::into),
    });
    // One that comes back soon is known to be in use.
    if place.seen_at - accounts.store.now() < SESSION_USE_MS - SEEN_EVERY.as_millis() as i64 {
        accounts.committer.submit(Task::SessionUse(place.session));
    }
    // Most have missed nothing, and the log need not be read to know it: of what came since the look-up the outbox was told.
    if seq < place.head || !connection.outbox.go_live(seq) {
        connection.replay = Some(Replay::new(place.account, seq, place.head));
    }
    Ok(())
}

/// Whoever has said hello in time and could not be looked up has as long again for the next one.
fn wait_again(connection: &mut Connection<'_>) {
    let fresh = Instant::now() + connection.server.timeouts.hello;
    if let Identity::Unknown { deadline, .. } = &mut connection.identity {
        *deadline = fresh;
    }
}

fn settle(
    connection: &mut Connection<'_>,
    id: AccountId,
    login: Option<wire::SessionId>,
    rate_limit: Arc<RateLimit>,
) {
    connection.identity = Identity::Known(id);
    connection.rate_limit = rate_limit;
    let reader = Endpoint { outbox: Arc::clone(&connection.outbox), session: login };
    match connection.server.hub.register(connection.number, id, reader) {
        Registered::First => {
            let presence = &connection.server.presence;
            presence.changed(id, presence.now());
        }
        Registered::Additional => {}
        Registered::Evicted(oldest) => oldest.cut_short(Close::TooManyConnections),
    }
    metrics::PEOPLE.inc();
    connection.outbox.mark_established();
    connection.login = login;
    // A time-out that cannot be set means that the socket is gone, as the next read will tell.
    let _ = connection.set_read_timeout();
}

/// The account has said hello too often: the connection ends, so that it waits before it comes back.
fn too_often(connection: &Connection<'_>, wait: Duration, hello_ref: HelloRef<'_>) -> Flow {
    hold_back(connection);
    connection.refuse_for(wait.saturating_sub(HELLO_REFUSAL_HELD), hello_ref.in_error());
    Err(EndReason::Close(Close::FastWriter))
}

fn turn_away(connection: &Connection<'_>, reference: Option<&str>) -> Flow {
    connection.refuse(
        Code::Unauthorized,
        "the token is wrong, expired or revoked; log in again",
        reference,
    );
    Err(EndReason::Close(Close::Unauthorized))
}

#[cfg(test)]
mod tests;
