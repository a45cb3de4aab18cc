//! `{"from":2,"to":1,"content":"hello"}`: a message for somebody.

use std::sync::Arc;

use sql::Deed;
use wire::{AccountId, Code, Frame, MessageId, Text, To};

use crate::metrics;
use crate::run::Run;
use crate::session::Session;
use crate::verb::act;

/// Relays it at once in guest mode; with accounts, hands it to the committer.
pub(crate) fn send(
    session: &mut Session<'_>,
    me: AccountId,
    from: Option<AccountId>,
    to: To,
    content: Text<'_>,
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
    content: &Text<'_>,
    reference: Option<&str>,
) {
    let run = match &mut session.run {
        Some(run) if run.takes(to) => run,
        _ => {
            session.end_run();
            let mut outbox = None;
            session.server.hub.each_of(to, |found| outbox = Some(Arc::clone(found)));
            let Some(outbox) = outbox else {
                metrics::MESSAGES.inc("refused");
                let message = "nobody with that id is connected";
                return session.refuse(Code::NotConnected, message, reference);
            };
            let run = session.run.get_or_insert_with(|| Run::new(me));
            run.turn_to(to, outbox);
            run
        }
    };
    run.add(content);
    let at = run.at();
    if to == me {
        session.end_run(); // Its own messages and answers stay in order.
    }
    session.relayed += 1;
    if let Some(reference) = reference {
        session.outbox.push(&Frame::Sent { reference, id: None, seq: None, at });
    }
}
