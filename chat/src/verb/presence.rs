//! `{"type":"presence","ids":[…]}`: whether accounts are online, now and after each change.

use sql::ContactStatus;
use wire::AccountId;

use crate::cluster::Cluster;
use crate::presence::{Presence, frame};
use crate::replies::Replies;
use crate::server::Accounts;

/// Answers for each account. From then on watches those of them that `me` may know of, instead of those in `watching`.
/// `accounts`: `None` in guest mode.
///
/// # Errors
/// The look-up of the accounts that `me` may know of failed. No account is watched then.
pub(crate) fn watch(
    presence: &Presence,
    cluster: Option<&Cluster>,
    accounts: Option<&Accounts>,
    replies: &Replies,
    watching: &mut Vec<AccountId>,
    me: AccountId,
    mut ids: Vec<AccountId>,
) -> sql::Result<()> {
    ids.sort_unstable();
    ids.dedup();
    let outbox = replies.outbox();
    presence.forget(outbox, &std::mem::take(watching));
    // The watches begin before the look-up, so either the watch or the look-up notices a block in between.
    presence.watch(me, outbox, &ids);
    watching.clone_from(&ids);
    let look_up = |accounts: &Accounts| {
        // The connections on other nodes are looked up before the answer.
        cluster.map_or(Ok(()), |cluster| cluster.refresh_presence(&ids))?;
        let concerned = ids.iter().copied().chain([me]);
        let hiding = accounts.store.hiding_last_seen(me, concerned.clone())?;
        presence.note_hiding(concerned.map(|id| (id, hiding.contains(&id))));
        accounts.store.contact_statuses(me, &ids)
    };
    let shown = |id, last_seen: Option<i64>| last_seen.filter(|_| presence.shows(id, me));
    let known = match accounts.map(look_up) {
        None => ids.iter().map(|id| (*id, ContactStatus::Known(None))).collect(),
        Some(Ok(known)) => known,
        Some(Err(error)) => {
            presence.forget(outbox, &std::mem::take(watching));
            return Err(error);
        }
    };
    let away = |id: AccountId, last_seen: Option<i64>| {
        presence.forget(outbox, &[id]);
        replies.push(&frame(id, false, shown(id, last_seen)));
    };
    let mut blocked = Vec::new();
    for id in ids {
        match known.get(&id) {
            Some(ContactStatus::Known(last_seen))
                if presence.admit(outbox, id, shown(id, *last_seen)) => {}
            Some(ContactStatus::Known(_)) => blocked.push(id),
            Some(ContactStatus::Blocked(last_seen)) => away(id, *last_seen),
            None => away(id, None),
        }
    }
    if !blocked.is_empty() {
        // One of the two has blocked the other meanwhile.
        let known = accounts.map(|it| it.store.contact_statuses(me, &blocked));
        let known = known.and_then(Result::ok).unwrap_or_default();
        for id in blocked {
            away(id, known.get(&id).and_then(ContactStatus::last_seen));
        }
    }
    Ok(())
}
