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
    let away = |id: AccountId, last_seen: Option<i64>| {
        presence.forget(outbox, &[id]);
        outbox.push(&frame(id, false, last_seen));
    };
    let mut parted = Vec::new();
    for id in ids {
        match known.get(&id) {
            Some(Acquaintance::Known(last_seen)) if presence.admit(outbox, id, *last_seen) => {}
            Some(Acquaintance::Known(_)) => parted.push(id),
            Some(Acquaintance::Blocked(last_seen)) => away(id, *last_seen),
            None => away(id, None),
        }
    }
    if !parted.is_empty() {
        // There was a block in between, which is known now.
        let known = session.server.accounts().map(|it| it.store.acquaintances(me, &parted));
        let known = known.and_then(Result::ok).unwrap_or_default();
        for id in parted {
            away(id, known.get(&id).and_then(Acquaintance::last_seen));
        }
    }
    if let Some(reference) = reference {
        outbox.push(&Frame::Ok { reference });
    }
    Ok(())
}
