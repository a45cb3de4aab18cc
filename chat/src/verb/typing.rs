//! `{"type":"typing",…}`: live only, told to whoever is here and may hear it.

use std::sync::Arc;

use sql::ContactStatus;
use wire::{AccountId, Frame, Recipient};

use crate::connection::{Connection, Flow};
use crate::rate_limit::RateKind;

/// Tells the others. Too much of it, and what may not be heard, is dropped without a word.
pub(crate) fn tell(
    connection: &mut Connection<'_>,
    me: AccountId,
    target: Recipient,
    reference: Option<&str>,
) -> Flow {
    connection.check_running()?;
    if connection.rate_limit.take(RateKind::Live, connection.now).is_ok() {
        let listeners = match listeners(connection, me, target) {
            Ok(listeners) => listeners,
            Err(error) => return connection.reply_query_error(&error, reference),
        };
        let (to, group) = match target {
            Recipient::Account(account) => (Some(account), None),
            Recipient::Group(group) => (None, Some(group)),
        };
        let mut json = Vec::new();
        Frame::Typing { from: me, to, group }.write(&mut json);
        connection.end_relay_batch();
        let Connection { server, to_flush, .. } = connection;
        for account in listeners {
            server.hub.for_each_of(account, |outbox| {
                outbox.push_text(&json);
                to_flush.push(Arc::clone(outbox));
            });
        }
    }
    if let Some(reference) = reference {
        connection.outbox.push(&Frame::Ok { reference });
    }
    Ok(())
}

fn listeners(
    connection: &Connection<'_>,
    me: AccountId,
    target: Recipient,
) -> sql::Result<Vec<AccountId>> {
    let Some(accounts) = connection.server.accounts() else {
        return Ok(match target {
            Recipient::Account(account) => vec![account],
            Recipient::Group(_) => Vec::new(),
        });
    };
    match target {
        Recipient::Account(account) => {
            let known = accounts.store.contact_statuses(me, &[account])?;
            let may_hear = matches!(known.get(&account), Some(ContactStatus::Known(_)));
            Ok(if may_hear { vec![account] } else { Vec::new() })
        }
        Recipient::Group(group) => Ok(accounts.store.listeners(me, group)?.into_iter().collect()),
    }
}
