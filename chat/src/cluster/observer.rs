//! Reacts to changes on other nodes: commits, connections of accounts, and nodes that start or end.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use os_thread::lock;
use sql::{LocalConnections, NodeObserver, Notice};
use wire::{AccountId, Seq};

use super::Cluster;
use super::message::BusMessage;
use crate::limit::{CLUSTER_LOOK, CLUSTER_LOOK_BESIDE_BUS, CLUSTER_PAUSE, HEADS_PAGE};
use crate::metrics;

impl NodeObserver for Cluster {
    fn heads_grown(&self, heads: &[(AccountId, Seq)]) {
        // A connection that is not registered yet sees the new generation, and looks its log up again.
        self.hub.advance_generation();
        let here = heads.iter().filter(|(account, _)| self.hub.is_online(*account));
        let here: Vec<_> = here.copied().collect();
        metrics::REMOTE_HEADS.add(here.len() as u64);
        self.inbox.heads_grown(&here);
    }

    fn accounts_changed(&self, accounts: &[AccountId]) -> sql::Result<()> {
        if accounts.is_empty() {
            return Ok(());
        }
        self.refresh_presence(accounts)?;
        self.end_watches_of_blocked(accounts)
    }

    fn node_gone(&self, node: i64) {
        // Accounts that were connected to the node when it died.
        let lost_at = self.presence.now() - sql::NODE_GONE_FOR.as_millis() as i64;
        for account in self.presence.forget_node(node) {
            self.inbox.presence_changed(account, lost_at);
        }
    }

    fn take_changed(&self) -> Vec<LocalConnections> {
        let changed = std::mem::take(&mut *lock(&self.changed));
        let local = |account| {
            let (count, since) = self.hub.connections(account);
            LocalConnections { account, count, since, sessions: self.hub.sessions(account) }
        };
        changed.into_iter().map(local).collect()
    }

    fn return_changed(&self, changed: Option<Vec<LocalConnections>>) {
        let accounts = match changed {
            Some(changed) => changed.into_iter().map(|it| it.account).collect(),
            None => self.hub.accounts(),
        };
        lock(&self.changed).extend(accounts);
    }

    fn changes_written(&self, changed: &[LocalConnections]) -> sql::Result<()> {
        let accounts: Vec<_> = changed.iter().map(|it| it.account).collect();
        if let Some(bus) = self.bus.get() {
            let encode =
                |accounts| BusMessage::Notice(Notice { accounts, ..Notice::default() }).encode();
            bus.publish(accounts.iter().copied(), |account| *account, encode);
        }
        // This also checks whether an account has too many connections over all nodes.
        self.accounts_changed(&accounts)
    }

    fn compare_all(&self) -> sql::Result<()> {
        metrics::LOOKS_AT_ALL.inc();
        for accounts in self.hub.accounts().chunks(HEADS_PAGE) {
            self.inbox.heads_grown(&self.store.heads(accounts)?);
        }
        self.accounts_changed(&self.presence.watched())
    }

    fn others_changed(&self, alive: usize) {
        metrics::OTHER_NODES.set(i64::try_from(alive).unwrap_or(i64::MAX));
    }

    fn interval(&self) -> Duration {
        let is_connected = self.bus.get().is_some_and(|bus| bus.is_connected());
        if is_connected { CLUSTER_LOOK_BESIDE_BUS } else { CLUSTER_LOOK }
    }

    fn wait(&self, time: Duration) -> bool {
        let is_over = || self.is_over.load(Ordering::Relaxed);
        // Accounts that connect or disconnect at the same time are looked up together.
        let pause = CLUSTER_PAUSE.min(time);
        let changed = lock(&self.changed);
        let waited = self.has_changed.wait_timeout_while(changed, pause, |_| !is_over());
        let (changed, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_nothing = |changed: &mut HashSet<AccountId>| changed.is_empty() && !is_over();
        let waited = self.has_changed.wait_timeout_while(changed, time - pause, is_nothing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        is_over()
    }
}
