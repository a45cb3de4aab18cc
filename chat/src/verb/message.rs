//! `{"from":2,"to":1,"content":"hello"}`: a message for somebody.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use sql::Post;
use wire::{AccountId, Close, Code, ErrorFrame, Frame};

use crate::clock::now_ms;
use crate::committer::{Act, unavailable};
use crate::metrics;
use crate::rate::TooFast;
use crate::session::{Ending, Flow, Session};

/// Relays it at once in guest mode; with accounts, hands it to the committer.
pub(crate) fn send(
    session: &mut Session<'_>,
    me: AccountId,
    from: Option<AccountId>,
    to: AccountId,
    content: Cow<'_, str>,
    reference: Option<Cow<'_, str>>,
) -> Flow {
    if !keeps_rate(session, reference.as_deref())? {
        return Ok(());
    }
    if from.is_some_and(|from| from != me) {
        metrics::MESSAGES.inc("refused");
        let message = format!("`from` must be your own id, {me}, or be left out");
        session.refuse(Code::Forbidden, &message, reference.as_deref());
        return Ok(());
    }
    let Some(accounts) = session.server.accounts() else {
        relay(session, me, to, &content, reference.as_deref());
        return Ok(());
    };
    let reference = reference.map(Cow::into_owned);
    let post = Post { from: me, to, content: content.into_owned(), reference: reference.clone() };
    let act = Act::Post(post, Arc::clone(&session.outbox));
    if !accounts.committer.submit(act) {
        metrics::MESSAGES.inc("unavailable");
        session.outbox.push(&unavailable(reference.as_deref()));
    }
    Ok(())
}

/// Counts the message; if it is one too many, says so.
fn keeps_rate(session: &mut Session<'_>, reference: Option<&str>) -> Result<bool, Ending> {
    let wait = match session.rate.take(Instant::now()) {
        Ok(()) => return Ok(true),
        Err(TooFast::Wait(wait)) => wait,
        Err(TooFast::Enough) => return Err(Ending::Close(Close::FastWriter)),
    };
    metrics::MESSAGES.inc("rate_limited");
    // Rounded up: who waits as told must not be refused again.
    let retry_after_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    session.outbox.push(&Frame::Error(ErrorFrame {
        code: Code::RateLimited,
        message: "too many messages; wait and send it again".into(),
        reference: reference.map(Into::into),
        retry_after_ms: Some(retry_after_ms),
    }));
    Ok(false)
}

fn relay(
    session: &mut Session<'_>,
    me: AccountId,
    to: AccountId,
    content: &str,
    reference: Option<&str>,
) {
    let at = now_ms();
    let mut json = Vec::with_capacity(content.len() + 96);
    Frame::Message { id: None, seq: None, from: me, to, content, at }.write(&mut json);
    let touched = &mut session.touched;
    let is_here = session.server.hub.each_of(to, |outbox| {
        outbox.push_text(&json);
        // A turn's messages mostly go to one person.
        if !touched.last().is_some_and(|last| Arc::ptr_eq(last, outbox)) {
            touched.push(Arc::clone(outbox));
        }
    });
    if !is_here {
        metrics::MESSAGES.inc("refused");
        session.refuse(Code::NotConnected, "nobody with that id is connected", reference);
        return;
    }
    metrics::MESSAGES.inc("relayed");
    if let Some(reference) = reference {
        session.outbox.push(&Frame::Sent { reference, id: None, seq: None, at });
    }
}
