//! `{"type":"hello","token":"…"}`: who this is, and from where its log goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::Place;
use wire::limit::SESSION_USE_MS;
use wire::{AccountId, Close, Code, Frame, Seq, Token};

use crate::allowance::{Allowance, Kind};
use crate::committer::Task;
use crate::hellos::Passage;
use crate::hub::{Reader, Settled};
use crate::limit::{HELLO_REFUSAL_HELD, SEEN_EVERY};
use crate::metrics;
use crate::replay::Replay;
use crate::server::Accounts;
use crate::session::{Ending, Flow, Session, Who};

/// A guest gets a number, at once.
pub(crate) fn welcome_guest(session: &mut Session<'_>, id: AccountId) {
    let allowance = session.server.allowances.guest();
    settle(session, id, None, allowance);
    session.outbox.push(&Frame::Welcome {
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
pub(crate) enum Asked<'a> {
    /// A hello's: the welcome, or an error.
    Hello(Option<&'a str>),
    /// A first message's: an error; if there is none, the message's own answer follows.
    Message(Option<&'a str>),
}

impl<'a> Asked<'a> {
    fn in_error(self) -> Option<&'a str> {
        let (Self::Hello(reference) | Self::Message(reference)) = self;
        reference
    }

    fn in_welcome(self) -> Option<&'a str> {
        match self {
            Self::Hello(reference) => reference,
            Self::Message(_) => None,
        }
    }
}

/// Carries out a hello.
pub(crate) fn hello(
    session: &mut Session<'_>,
    token: &str,
    since: Option<Seq>,
    asked: Asked<'_>,
) -> Flow {
    let reference = asked.in_error();
    if session.account().is_some() {
        session.refuse(Code::BadRequest, "this connection has been welcomed already", reference);
        return Ok(());
    }
    match Token::parse(token) {
        Some(token) => authenticate(session, &token, since, asked),
        None => {
            let flow = turn_away(session, reference);
            note_failure(session);
            flow
        }
    }
}

/// Welcomes who shows a valid token, and starts the replay of what it has missed of the account's log.
pub(crate) fn authenticate(
    session: &mut Session<'_>,
    token: &Token,
    since: Option<Seq>,
    asked: Asked<'_>,
) -> Flow {
    let server = session.server;
    let Some(accounts) = server.accounts() else { return Ok(()) };
    let Who::Stranger { until, address } = session.who else { return Ok(()) };
    let token = token.hash();
    let passage = match accounts.store.last_owner(&token) {
        Some(account) => {
            // The database need not be asked whose it is to see that it is one too many.
            if let Err(wait) = server.allowances.peek(account, Kind::Hello, session.now) {
                return too_often(session, wait, asked);
            }
            None
        }
        None => {
            let Some(passage) = server.hellos.pass(address, session.now, until) else {
                let message = "too many others try out tokens from where you are; try again";
                session.refuse(Code::Unavailable, message, asked.in_error());
                wait_again(session);
                return Ok(());
            };
            Some(passage)
        }
    };
    let look_up = || accounts.store.place(&token, accounts.store.now());
    let flow = introduce(session, accounts, passage, look_up, since, asked);
    if let Err(Ending::Close(Close::Unauthorized)) = flow {
        note_failure(session);
    }
    flow
}

/// Counts a wrong token for where it came from, and holds its refusal back if there were too many.
fn note_failure(session: &Session<'_>) {
    let Who::Stranger { address, .. } = session.who else { return };
    if session.server.hellos.failed(address, session.now) {
        hold_back(session);
    }
}

/// Waits before a refusal is sent, so that a client that asks again at once does so rarely.
fn hold_back(session: &Session<'_>) {
    session.server.shutdown.wait_for(HELLO_REFUSAL_HELD);
}

/// `look_up`: whose the token is, if it is valid. `passage` is for the first one alone: others wait for it.
fn introduce(
    session: &mut Session<'_>,
    accounts: &Accounts,
    passage: Option<Passage<'_>>,
    look_up: impl Fn() -> sql::Result<Option<Place>>,
    since: Option<Seq>,
    asked: Asked<'_>,
) -> Flow {
    let reference = asked.in_error();
    let heralded = session.server.hub.heralded();
    let found = look_up();
    drop(passage);
    let mut place = match found {
        Ok(Some(place)) => place,
        Ok(None) => return turn_away(session, reference),
        Err(error) => {
            wait_again(session);
            return session.put_off(&error, reference);
        }
    };
    let allowance = session.server.allowances.of(place.account, session.now);
    if let Err(wait) = allowance.take(Kind::Hello, session.now) {
        return too_often(session, wait, asked);
    }
    session.outbox.start_replay();
    settle(session, place.account, Some(place.session), allowance);
    // From here on others find this connection in the hub. Was anybody told of something while they did not, it may be that
    // this session has ended, or that its log goes on: both are seen now. See `hub` why this catches all of it.
    if session.server.hub.heralded() != heralded {
        place = match look_up() {
            Ok(Some(place)) => place,
            Ok(None) => return turn_away(session, reference),
            Err(error) => {
                tracing::warn!(%error, "a hello stopped halfway");
                let is_broken = matches!(error, sql::Error::Broken(_) | sql::Error::Damaged(_));
                let close = if is_broken { Close::Internal } else { Close::GoingAway };
                return Err(Ending::Close(close));
            }
        };
    }
    tracing::info!(account = %place.account, session = %place.session, "welcomed");
    let wanted = since.unwrap_or(place.acknowledged);
    let recovered = place.forgotten <= wanted && wanted <= place.head;
    let seq = wanted.clamp(place.forgotten, place.head);
    session.outbox.push(&Frame::Welcome {
        id: place.account,
        name: Some(place.name.as_str().into()),
        seq: Some(seq),
        head: Some(place.head),
        recovered: Some(recovered),
        reference: asked.in_welcome().map(Into::into),
    });
    // One that comes back soon is known to be in use.
    if place.seen_at - accounts.store.now() < SESSION_USE_MS - SEEN_EVERY.as_millis() as i64 {
        accounts.committer.submit(Task::Use(place.session));
    }
    // Most have missed nothing, and the log need not be read to know it: of what came since the look-up the outbox was told.
    if seq < place.head || !session.outbox.go_live(seq) {
        session.replay = Some(Replay::new(place.account, seq, place.head));
    }
    Ok(())
}

/// Whoever has said hello in time and could not be looked up has as long again for the next one.
fn wait_again(session: &mut Session<'_>) {
    let fresh = Instant::now() + session.server.patience.hello;
    if let Who::Stranger { until, .. } = &mut session.who {
        *until = fresh;
    }
}

fn settle(
    session: &mut Session<'_>,
    id: AccountId,
    login: Option<wire::SessionId>,
    allowance: Arc<Allowance>,
) {
    session.who = Who::Known(id);
    session.allowance = allowance;
    let reader = Reader { outbox: Arc::clone(&session.outbox), session: login };
    match session.server.hub.settle(session.number, id, reader) {
        Settled::Only => {
            let presence = &session.server.presence;
            presence.changed(id, presence.now());
        }
        Settled::Beside => {}
        Settled::For(oldest) => oldest.cut_short(Close::TooManyConnections),
    }
    metrics::PEOPLE.inc();
    session.outbox.settle();
    session.login = login;
    // A time-out that cannot be set means that the socket is gone, as the next read will tell.
    let _ = session.set_read_timeout();
}

/// The account has said hello too often: the connection ends, so that it waits before it comes back.
fn too_often(session: &Session<'_>, wait: Duration, asked: Asked<'_>) -> Flow {
    hold_back(session);
    session.refuse_for(wait.saturating_sub(HELLO_REFUSAL_HELD), asked.in_error());
    Err(Ending::Close(Close::FastWriter))
}

fn turn_away(session: &Session<'_>, reference: Option<&str>) -> Flow {
    session.refuse(
        Code::Unauthorized,
        "the token is wrong, expired or revoked; log in again",
        reference,
    );
    Err(Ending::Close(Close::Unauthorized))
}

#[cfg(test)]
mod tests;
