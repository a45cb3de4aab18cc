//! `{"type":"typing",…}`: live only, told to whoever is here and may hear it.

use std::sync::Arc;

use sql::Acquaintance;
use wire::{AccountId, Frame, To};

use crate::allowance::Kind;
use crate::session::{Flow, Session};

/// Tells the others. Too much of it, and what may not be heard, is dropped without a word.
pub(crate) fn tell(
    session: &mut Session<'_>,
    me: AccountId,
    target: To,
    reference: Option<&str>,
) -> Flow {
    session.has_time()?;
    if session.allowance.take(Kind::Live, session.now).is_ok() {
        let listeners = match listeners(session, me, target) {
            Ok(listeners) => listeners,
            Err(error) => return session.put_off(&error, reference),
        };
        let (to, group) = match target {
            To::Account(account) => (Some(account), None),
            To::Group(group) => (None, Some(group)),
        };
        let mut json = Vec::new();
        Frame::Typing { from: me, to, group }.write(&mut json);
        session.end_run();
        let Session { server, touched, .. } = session;
        for account in listeners {
            server.hub.each_of(account, |outbox| {
                outbox.push_text(&json);
                touched.push(Arc::clone(outbox));
            });
        }
    }
    if let Some(reference) = reference {
        session.outbox.push(&Frame::Ok { reference });
    }
    Ok(())
}

fn listeners(session: &Session<'_>, me: AccountId, target: To) -> sql::Result<Vec<AccountId>> {
    let Some(accounts) = session.server.accounts() else {
        return Ok(match target {
            To::Account(account) => vec![account],
            To::Group(_) => Vec::new(),
        });
    };
    match target {
        To::Account(account) => {
            let known = accounts.store.acquaintances(me, &[account])?;
            let may_hear = matches!(known.get(&account), Some(Acquaintance::Known(_)));
            Ok(if may_hear { vec![account] } else { Vec::new() })
        }
        To::Group(group) => Ok(accounts.store.listeners(me, group)?.into_iter().collect()),
    }
}
