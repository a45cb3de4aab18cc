//! `{"type":"hello","token":"…"}`: who this is, and from where its log goes on.

use std::sync::Arc;

use sql::Place;
use wire::limit::SESSION_LIFE_MS;
use wire::{AccountId, Close, Code, Frame, Seq, Token};

use crate::clock::now_ms;
use crate::hub::Reader;
use crate::limit::SEEN_EVERY_MS;
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

/// Carries out a hello.
pub(crate) fn hello(
    session: &mut Session<'_>,
    token: &str,
    since: Option<Seq>,
    reference: Option<&str>,
) -> Flow {
    if session.account().is_some() {
        session.refuse(Code::BadRequest, "this connection has been welcomed already", reference);
        return Ok(());
    }
    match Token::parse(token) {
        Some(token) => authenticate(session, &token, since, reference),
        None => turn_away(session, reference),
    }
}

/// Welcomes who shows a valid token, and starts the replay of the account's log.
pub(crate) fn authenticate(
    session: &mut Session<'_>,
    token: &Token,
    since: Option<Seq>,
    reference: Option<&str>,
) -> Flow {
    let Some(accounts) = session.server.accounts() else { return Ok(()) };
    let place = match look_up(accounts, token) {
        Ok(Some(place)) => place,
        Ok(None) => return turn_away(session, reference),
        Err(error) => return put_off(session, &error, reference),
    };
    // In the hub first, and looked up again then: a session revoked in between is either gone from the second answer,
    // or its connection is found in the hub.
    session.outbox.start_replay();
    settle(session, place.account, Some(place.session));
    let place = match look_up(accounts, token) {
        Ok(Some(place)) => place,
        Ok(None) => return turn_away(session, reference),
        Err(error) => {
            tracing::warn!(%error, "a hello stopped halfway");
            return Err(Ending::Close(Close::GoingAway));
        }
    };
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
        reference: reference.map(Into::into),
    });
    session.replay = Some(Replay::new(place.account, seq));
    Ok(())
}

/// Finds whose token it is, and writes down now and then that it is in use.
fn look_up(accounts: &Accounts, token: &Token) -> sql::Result<Option<Place>> {
    let (hash, now) = (token.hash(), now_ms());
    let place = accounts.store.place(&hash, now)?;
    if let Some(place) = &place
        && now - place.seen_at >= SEEN_EVERY_MS
    {
        accounts.store.touch_session(place.session, now, now + SESSION_LIFE_MS)?;
    }
    Ok(place)
}

fn settle(session: &mut Session<'_>, id: AccountId, login: Option<wire::SessionId>) {
    session.who = Who::Known(id);
    let reader = Reader { outbox: Arc::clone(&session.outbox), session: login };
    session.server.hub.settle(session.number, id, reader);
    metrics::PEOPLE.inc();
    (session.on_settled)();
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

/// The database is away: the client may try again on this connection, until the hello's deadline.
fn put_off(session: &Session<'_>, error: &sql::Error, reference: Option<&str>) -> Flow {
    tracing::warn!(%error, "a hello could not be looked up");
    session.refuse(Code::Unavailable, "the database is not available; try again", reference);
    Ok(())
}
