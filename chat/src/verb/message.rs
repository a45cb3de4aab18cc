//! `{"from":2,"to":1,"content":"hello"}`: a message for somebody.

use std::sync::Arc;

use sql::Operation;
use wire::{AccountId, Code, Frame, MessageId, Recipient, Text};

use crate::connection::Connection;
use crate::metrics;
use crate::relay_batch::RelayBatch;
use crate::verb::act;

/// Relays it at once in guest mode; with accounts, hands it to the committer.
pub(crate) fn send(
    connection: &mut Connection<'_>,
    me: AccountId,
    from: Option<AccountId>,
    to: Recipient,
    content: Text<'_>,
    reply_to: Option<MessageId>,
    reference: Option<&str>,
) {
    if from.is_some_and(|from| from != me) {
        metrics::MESSAGES.inc("refused");
        let message = format!("`from` must be your own id, {me}, or be left out");
        return connection.refuse(Code::Forbidden, &message, reference);
    }
    match (connection.server.accounts(), to) {
        (Some(accounts), _) => {
            let operation = Operation::Post { to, content: content.into_owned(), reply_to };
            act::submit(connection, accounts, me, operation, reference);
        }
        (None, Recipient::Account(to)) => relay(connection, me, to, &content, reference),
        (None, Recipient::Group(_)) => connection.unsupported(reference),
    }
}

fn relay(
    connection: &mut Connection<'_>,
    me: AccountId,
    to: AccountId,
    content: &Text<'_>,
    reference: Option<&str>,
) {
    let run = match &mut connection.relay_batch {
        Some(run) if run.takes(to) => run,
        _ => {
            connection.end_relay_batch();
            let mut outbox = None;
            connection.server.hub.for_each_of(to, |found| outbox = Some(Arc::clone(found)));
            let Some(outbox) = outbox else {
                metrics::MESSAGES.inc("refused");
                let message = "nobody with that id is connected";
                return connection.refuse(Code::NotConnected, message, reference);
            };
            let run = connection.relay_batch.get_or_insert_with(|| RelayBatch::new(me));
            run.retarget(to, outbox);
            run
        }
    };
    run.add(content);
    let at = run.at();
    if to == me {
        connection.end_relay_batch(); // Its own messages and answers stay in order.
    }
    connection.relayed += 1;
    if let Some(reference) = reference {
        connection.outbox.push(&Frame::Sent { reference, id: None, seq: None, at });
    }
}
