//! `{"type":"presence","ids":[…]}`: who is here, now and from now on.

use sql::Acquaintance;
use wire::{AccountId, Frame};

use crate::presence::frame;
use crate::session::{Flow, Session};

/// Answers for each account, and watches those that this one may know of.
pub(crate) fn watch(
    session: &mut Session<'_>,
    me: AccountId,
    mut ids: Vec<AccountId>,
    reference: Option<&str>,
) -> Flow {
    session.has_time()?;
    ids.sort_unstable();
    ids.dedup();
    let (presence, outbox) = (&session.server.presence, &session.outbox);
    presence.forget(outbox, &std::mem::take(&mut session.watching));
    // Watched first, looked up then: a block in between is seen by one of the two.
    presence.watch(me, outbox, &ids);
    session.watching.clone_from(&ids);
    let known = match session.server.accounts().map(|it| it.store.acquaintances(me, &ids)) {
        None => ids.iter().map(|id| (*id, Acquaintance::Known(None))).collect(),
        Some(Ok(known)) => known,
        Some(Err(error)) => {
            presence.forget(outbox, &std::mem::take(&mut session.watching));
            return session.put_off(&error, reference);
        }
    };
    for id in ids {
        let last_seen = match known.get(&id) {
            Some(Acquaintance::Known(last_seen)) => {
                if presence.admit(outbox, id, *last_seen) {
                    continue;
                }
                None
            }
            // Nor when it was last here: it may write in a common group after that.
            Some(Acquaintance::Blocked) | None => None,
        };
        presence.forget(outbox, &[id]);
        outbox.push(&frame(id, false, last_seen));
    }
    if let Some(reference) = reference {
        outbox.push(&Frame::Ok { reference });
    }
    Ok(())
}
