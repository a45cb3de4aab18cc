//! `{"type":"typing",…}`: sent to the connected accounts that may see it, and never stored.

use sql::ContactStatus;
use wire::{AccountId, Recipient};

use crate::cluster::{Cluster, typing_frame};
use crate::dispatcher::Inbox;
use crate::hub::Hub;
use crate::relay_batch::RelayBatch;
use crate::server::Accounts;

/// Passes a typing frame of `me` to the dispatcher and to other nodes.
///
/// # Errors
/// The look-up of the accounts that may see it failed.
pub(crate) fn send(
    inbox: &Inbox,
    cluster: Option<&Cluster>,
    accounts: &Accounts,
    me: AccountId,
    target: Recipient,
) -> sql::Result<()> {
    let listeners = listeners(accounts, me, target)?;
    if let Some(cluster) = cluster {
        cluster.publish_typing(me, target, &listeners);
    }
    inbox.typing(listeners, typing_frame(me, target));
    Ok(())
}

/// Relays typing in guest mode, where there are no groups.
pub(crate) fn relay(batch: &mut RelayBatch, hub: &Hub, target: Recipient) {
    if let Recipient::Account(to) = target {
        batch.typing(hub, to);
    }
}

/// The accounts that may see that `me` is typing.
fn listeners(accounts: &Accounts, me: AccountId, target: Recipient) -> sql::Result<Vec<AccountId>> {
    match target {
        Recipient::Account(account) => {
            let known = accounts.store.contact_statuses(me, &[account])?;
            let may_know = matches!(known.get(&account), Some(ContactStatus::Known(_)));
            Ok(if may_know { vec![account] } else { Vec::new() })
        }
        Recipient::Group(group) => Ok(accounts.store.listeners(me, group)?.into_iter().collect()),
    }
}
