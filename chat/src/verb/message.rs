//! `{"from":2,"to":1,"content":"hello"}`: a message for somebody.

use std::borrow::Cow;
use std::sync::Arc;

use sql::Deed;
use wire::{AccountId, Code, Frame, Message, MessageId, To};

use crate::clock::now_ms;
use crate::metrics;
use crate::session::Session;
use crate::verb::act;

/// Relays it at once in guest mode; with accounts, hands it to the committer.
pub(crate) fn send(
    session: &mut Session<'_>,
    me: AccountId,
    from: Option<AccountId>,
    to: To,
    content: Cow<'_, str>,
    reply_to: Option<MessageId>,
    reference: Option<&str>,
) {
    if from.is_some_and(|from| from != me) {
        metrics::MESSAGES.inc("refused");
        let message = format!("`from` must be your own id, {me}, or be left out");
        return session.refuse(Code::Forbidden, &message, reference);
    }
    match (session.server.accounts(), to) {
        (Some(accounts), _) => {
            let deed = Deed::Post { to, content: content.into_owned(), reply_to };
            act::submit(session, accounts, me, deed, reference);
        }
        (None, To::Account(to)) => relay(session, me, to, &content, reference),
        (None, To::Group(_)) => session.unsupported(reference),
    }
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
    Frame::Message(Message { from: me, to: Some(to), content, at, ..Message::default() })
        .write(&mut json);
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
    session.relayed += 1;
    if let Some(reference) = reference {
        session.outbox.push(&Frame::Sent { reference, id: None, seq: None, at });
    }
}
