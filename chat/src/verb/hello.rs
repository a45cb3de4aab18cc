//! `{"type":"hello","token":"…"}`: who this is, and from where its log goes on.

use std::sync::Arc;

use sql::Place;
use wire::{AccountId, Close, Code, Frame, Seq, Token};

use crate::clock::now_ms;
use crate::committer::Task;
use crate::hub::Reader;
use crate::limit::SEEN_EVERY;
use crate::metrics;
use crate::replay::Replay;
use crate::server::Accounts;
use crate::session::{Ending, Flow, Session, Who};

/// A guest gets a number, at once.
pub(crate) fn welcome_guest(session: &mut Session<'_>, id: AccountId) {
    settle(session, id, None);
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
        None => turn_away(session, reference),
    }
}

/// Welcomes who shows a valid token, and starts the replay of what it has missed of the account's log.
pub(crate) fn authenticate(
    session: &mut Session<'_>,
    token: &Token,
    since: Option<Seq>,
    asked: Asked<'_>,
) -> Flow {
    let Some(accounts) = session.server.accounts() else { return Ok(()) };
    let token = token.hash();
    introduce(session, accounts, || accounts.store.place(&token, now_ms()), since, asked)
}

/// `look_up`: whose the token is, if it is valid.
fn introduce(
    session: &mut Session<'_>,
    accounts: &Accounts,
    look_up: impl Fn() -> sql::Result<Option<Place>>,
    since: Option<Seq>,
    asked: Asked<'_>,
) -> Flow {
    let reference = asked.in_error();
    let heralded = session.server.hub.heralded();
    let mut place = match look_up() {
        Ok(Some(place)) => place,
        Ok(None) => return turn_away(session, reference),
        Err(error) => return session.put_off(&error, reference),
    };
    session.outbox.start_replay();
    settle(session, place.account, Some(place.session));
    // From here on others find this connection in the hub. Was anybody told of something while they did not, it may be that
    // this session has ended, or that its log goes on: both are seen now. See `hub` why this catches all of it.
    if session.server.hub.heralded() != heralded {
        place = match look_up() {
            Ok(Some(place)) => place,
            Ok(None) => return turn_away(session, reference),
            Err(error) => {
                tracing::warn!(%error, "a hello stopped halfway");
                return Err(Ending::Close(Close::GoingAway));
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
    if now_ms() - place.seen_at >= SEEN_EVERY.as_millis() as i64 {
        accounts.committer.submit(Task::Use(place.session));
    }
    // Most have missed nothing, and the log need not be read to know it: of what came since the look-up the outbox was told.
    if seq < place.head || !session.outbox.go_live(seq) {
        session.replay = Some(Replay::new(place.account, seq, place.head));
    }
    Ok(())
}

fn settle(session: &mut Session<'_>, id: AccountId, login: Option<wire::SessionId>) {
    session.who = Who::Known(id);
    let reader = Reader { outbox: Arc::clone(&session.outbox), session: login };
    if session.server.hub.settle(session.number, id, reader) {
        session.server.presence.changed(id);
    }
    metrics::PEOPLE.inc();
    session.outbox.settle();
    session.login = login;
    // A time-out that cannot be set means that the socket is gone, as the next read will tell.
    let _ = session.set_read_timeout();
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
