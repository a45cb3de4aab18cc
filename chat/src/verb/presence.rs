//! `{"type":"presence","ids":[…]}`: who is here, now and from now on.

use sql::ContactStatus;
use wire::{AccountId, Frame};

use crate::connection::{Connection, Flow};
use crate::presence::frame;

/// Answers for each account, and watches those that this one may know of.
pub(crate) fn watch(
    connection: &mut Connection<'_>,
    me: AccountId,
    mut ids: Vec<AccountId>,
    reference: Option<&str>,
) -> Flow {
    connection.check_running()?;
    ids.sort_unstable();
    ids.dedup();
    let (presence, outbox) = (&connection.server.presence, &connection.outbox);
    presence.forget(outbox, &std::mem::take(&mut connection.watching));
    // Watched first, looked up then: a block in between is seen by one of the two.
    presence.watch(me, outbox, &ids);
    connection.watching.clone_from(&ids);
    let known = match connection.server.accounts().map(|it| it.store.contact_statuses(me, &ids)) {
        None => ids.iter().map(|id| (*id, ContactStatus::Known(None))).collect(),
        Some(Ok(known)) => known,
        Some(Err(error)) => {
            presence.forget(outbox, &std::mem::take(&mut connection.watching));
            return connection.reply_query_error(&error, reference);
        }
    };
    let away = |id: AccountId, last_seen: Option<i64>| {
        presence.forget(outbox, &[id]);
        outbox.push(&frame(id, false, last_seen));
    };
    let mut parted = Vec::new();
    for id in ids {
        match known.get(&id) {
            Some(ContactStatus::Known(last_seen)) if presence.admit(outbox, id, *last_seen) => {}
            Some(ContactStatus::Known(_)) => parted.push(id),
            Some(ContactStatus::Blocked(last_seen)) => away(id, *last_seen),
            None => away(id, None),
        }
    }
    if !parted.is_empty() {
        // There was a block in between, which is known now.
        let known = connection.server.accounts().map(|it| it.store.contact_statuses(me, &parted));
        let known = known.and_then(Result::ok).unwrap_or_default();
        for id in parted {
            away(id, known.get(&id).and_then(ContactStatus::last_seen));
        }
    }
    if let Some(reference) = reference {
        outbox.push(&Frame::Ok { reference });
    }
    Ok(())
}
