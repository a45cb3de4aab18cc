//! Exchanges hints with the other nodes: what they have committed for accounts that are connected here, and what was
//! committed here.
//!
//! Everything that must not be missed comes from the database ([`sql::NodeObserver`]). A bus, if there is one, brings
//! the same hints sooner. It also brings live frames, which are not in the database.

mod bus;
mod message;
mod observer;
mod settings;
mod trial;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use os_thread::lock;
use sql::{Committed, Elsewhere, EventBody, NodeObserver as _, Notice, Store};
use wire::{AccountId, Close, Frame, Recipient, Seq};

use crate::cluster::bus::Bus;
use crate::cluster::message::BusMessage;
use crate::dispatcher::Inbox;
use crate::hub::Hub;
use crate::limit::{CONNECTIONS_PER_ACCOUNT_MAX, HEADS_PAGE};
use crate::metrics;
use crate::presence::Presence;

pub(crate) use settings::resolve;
pub use settings::{BusError, BusUrl};

pub(crate) struct Cluster {
    store: Arc<Store>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    inbox: Inbox,
    bus: OnceLock<Arc<Bus>>,
    /// Accounts whose number of connections to this node has changed, and of which other nodes have no notice yet.
    changed: Mutex<HashSet<AccountId>>,
    /// Signalled when `changed` gets accounts, and at the end.
    has_changed: Condvar,
    is_over: AtomicBool,
}

impl Cluster {
    /// Begins to connect to the bus, if there is one.
    ///
    /// # Errors
    /// A thread could not be started, or the bus's settings cannot be used.
    pub(crate) fn new(
        store: Arc<Store>,
        hub: Arc<Hub>,
        presence: Arc<Presence>,
        inbox: Inbox,
        bus: Option<&BusUrl>,
    ) -> io::Result<Arc<Self>> {
        let cluster = Arc::new(Self {
            store,
            hub,
            presence,
            inbox,
            bus: OnceLock::new(),
            changed: Mutex::default(),
            has_changed: Condvar::new(),
            is_over: AtomicBool::new(false),
        });
        if let Some(url) = bus {
            let id = cluster.store.cluster_id().map_err(io::Error::other)?;
            let receiver = Arc::clone(&cluster);
            let (hub, presence) = (Arc::clone(&cluster.hub), Arc::clone(&cluster.presence));
            let bus = Bus::connect(
                url,
                format!("messenger.{id}"),
                move |message| receiver.receive(message),
                move || [hub.accounts(), presence.watched()].concat(),
            )?;
            let _ = cluster.bus.set(bus);
        }
        Ok(cluster)
    }

    /// Leaves the cluster. Must be called after the last commit.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A thread that is about to wait has seen the flag, or is woken.
        drop(lock(&self.changed));
        self.has_changed.notify_all();
    }

    /// Records that the number of an account's connections to this node has changed, or that the account has blocked another one.
    /// Other nodes then look up the account's presence again.
    pub(crate) fn connections_changed(&self, account: AccountId) {
        if let Some(bus) = self.bus.get() {
            bus.subscribe(account);
        }
        if self.store.has_other_nodes() {
            lock(&self.changed).insert(account);
            self.has_changed.notify_one();
        }
    }

    /// Looks up the connections of these accounts to other nodes, for accounts that are watched or connected here. Sends changes of
    /// presence to their watchers. If an account has more than [`CONNECTIONS_PER_ACCOUNT_MAX`] connections over all nodes,
    /// closes the oldest ones, as far as they are here.
    ///
    /// # Errors
    /// The connections cannot be looked up.
    pub(crate) fn refresh_presence(&self, accounts: &[AccountId]) -> sql::Result<()> {
        if !self.store.has_other_nodes() {
            return Ok(());
        }
        let look = self.presence.begin_look_up(accounts);
        if let Some(bus) = self.bus.get() {
            look.accounts().for_each(|account| bus.subscribe(account));
        }
        let mut asked: BTreeSet<_> = look.accounts().collect();
        asked.extend(accounts.iter().filter(|account| self.hub.is_online(**account)));
        let asked: Vec<_> = asked.into_iter().collect();
        let found = self.store.online_elsewhere(&asked)?;
        let nodes = |account| {
            let elsewhere = found.get(&account).map_or(&[][..], |it| &it.connections);
            elsewhere.iter().map(|connections| connections.node).collect()
        };
        for account in self.presence.end_look_up(look, nodes) {
            let last_seen = found.get(&account).and_then(|it| it.last_seen);
            let at = last_seen.unwrap_or_else(|| self.presence.now());
            self.inbox.presence_changed(account, at);
        }
        found.iter().for_each(|(account, elsewhere)| self.close_excess(*account, elsewhere));
        Ok(())
    }

    /// Closes the oldest connections of an account that has too many over all nodes, as far as they are here.
    fn close_excess(&self, account: AccountId, elsewhere: &Elsewhere) {
        let (here, since) = self.hub.connections(account);
        let there: usize = elsewhere.connections.iter().map(|it| it.count).sum();
        if there == 0 || here == 0 || here + there <= CONNECTIONS_PER_ACCOUNT_MAX {
            return;
        }
        let is_oldest = elsewhere.connections.iter().all(|it| since < it.since);
        if let Some(oldest) = is_oldest.then(|| self.hub.evict_oldest(account)).flatten() {
            oldest.cut_short(Close::TooManyConnections);
            self.connections_changed(account);
        }
    }

    /// Ends the watches of accounts that these accounts have blocked on another node. A block is an event of the blocker's log only, so
    /// a node to which the blocker is not connected does not read it.
    fn end_watches_of_blocked(&self, accounts: &[AccountId]) -> sql::Result<()> {
        for watches in self.presence.watches(accounts).chunks(HEADS_PAGE) {
            for block in self.store.blocks_among(watches)? {
                self.presence.end_mutual_watches(block.by, block.blocked, || Some(block.last_seen));
            }
        }
        Ok(())
    }

    /// Tells other nodes what was committed here.
    pub(crate) fn publish_commit(&self, committed: &Committed) {
        let blocks =
            committed.events.iter().filter(|it| matches!(it.body, EventBody::Block { .. }));
        blocks.flat_map(|event| &event.to).for_each(|(by, _)| self.connections_changed(*by));
        let Some(bus) = self.bus.get() else { return };
        let mut heads: BTreeMap<AccountId, Seq> = BTreeMap::new();
        for (account, seq) in committed.events.iter().flat_map(|event| &event.to) {
            let head = heads.entry(*account).or_insert(*seq);
            *head = (*head).max(*seq);
        }
        bus.publish(
            heads,
            |(account, _)| *account,
            |heads| BusMessage::Notice(Notice { heads, ..Notice::default() }).encode(),
        );
    }

    /// Tells the nodes that `listeners` are connected to that `from` is typing.
    pub(crate) fn publish_typing(&self, from: AccountId, to: Recipient, listeners: &[AccountId]) {
        let Some(bus) = self.bus.get() else { return };
        bus.publish(
            listeners.iter().copied(),
            |listener| *listener,
            |listeners| BusMessage::Typing { from, to, listeners }.encode(),
        );
    }

    fn receive(&self, bytes: &[u8]) {
        match BusMessage::decode(bytes) {
            Some(BusMessage::Notice(notice)) => {
                if !notice.heads.is_empty() {
                    self.heads_grown(&notice.heads);
                }
                // If the look-up fails, it is repeated: the same notice comes from the database, too.
                let _ = self.accounts_changed(&notice.accounts);
            }
            Some(BusMessage::Typing { from, to, mut listeners }) => {
                listeners.retain(|listener| self.hub.is_online(*listener));
                if !listeners.is_empty() {
                    self.inbox.typing(listeners, typing_frame(from, to));
                }
            }
            None => metrics::BUS_DROPPED.inc(),
        }
    }
}

/// The frame that says that `from` is typing.
pub(crate) fn typing_frame(from: AccountId, to: Recipient) -> Vec<u8> {
    let (to, group) = match to {
        Recipient::Account(account) => (Some(account), None),
        Recipient::Group(group) => (None, Some(group)),
    };
    let mut frame = Vec::new();
    Frame::Typing { from, to, group }.write(&mut frame);
    frame
}
