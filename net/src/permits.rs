//! How many connections there may be, in all and from one address.
//!
//! A connection that has not yet shown what it wants (its head is not finished, or its server has not
//! called [`Permit::mark_established`]) stands in the *waiting room*. When all permits are in use, the one that
//! has waited longest is shut down for the newcomer, so that half-sent heads and sockets that never
//! introduce themselves cannot lock others out. One mutex; no system call under it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Shutdown as Direction, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::address;
use crate::limit::{EVICTED_AT_ONCE, LEAVING_MAX};
use crate::metrics::{Cause, ConnectionMetrics};
use crate::network::Network;
use crate::proxy::TrustedProxy;
use os_thread::lock;

/// All permits of one listener.
#[derive(Clone)]
pub(crate) struct Permits(Arc<Shared>);

struct Shared {
    connections_max: usize,
    connections_per_address: usize,
    trusted_proxies: Vec<TrustedProxy>,
    server: &'static ConnectionMetrics,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    /// Nobody will be admitted any more.
    is_closed: bool,
    /// Permits not given back, those of `leaving` included.
    held: usize,
    /// Permits per counted address; no entry is 0.
    addresses: HashMap<Network, usize>,
    /// By ticket, which is the order in which they began to wait.
    waiting: BTreeMap<u64, Arc<TcpStream>>,
    /// The tickets of those that have been shut down from here; their threads have yet to notice.
    leaving: HashSet<u64>,
    /// The last ticket given out.
    last_ticket: u64,
}

/// One connection's place. Given back when dropped.
pub struct Permit {
    permits: Permits,
    /// Of its last stay in the waiting room.
    ticket: u64,
    /// The address it counts for, if any.
    address: Option<Network>,
}

impl Permits {
    pub(crate) fn new(config: &crate::ListenerConfig, server: &'static ConnectionMetrics) -> Self {
        Self(Arc::new(Shared {
            connections_max: config.connections_max,
            connections_per_address: config.connections_per_address,
            trusted_proxies: config.trusted_proxies.clone(),
            server,
            state: Mutex::default(),
            returned: Condvar::new(),
        }))
    }

    /// A place in the waiting room for a new connection. If the house is full, the one that has waited longest is shut
    /// down for it.
    pub(crate) fn admit(&self, peer: IpAddr, stream: &Arc<TcpStream>) -> Result<Permit, Cause> {
        let address = self.counted(peer);
        let (ticket, evicted) = {
            let mut state = lock(&self.0.state);
            if address.is_some_and(|address| !self.has_room(&state, address)) {
                return Err(Cause::AddressFull);
            }
            let evicted = match state.held - state.leaving.len() < self.0.connections_max {
                true => None,
                false => Some(state.evict().ok_or(Cause::Full)?),
            };
            state.held += 1;
            let ticket = state.wait(stream);
            if let Some(address) = address {
                *state.addresses.entry(address).or_default() += 1;
            }
            (ticket, evicted)
        };
        self.0.server.opened();
        self.shut_down(evicted);
        Ok(Permit { permits: self.clone(), ticket, address })
    }

    /// Shuts down a few that have waited longest: for when descriptors run out before permits do.
    pub(crate) fn evict_some(&self) {
        let evicted: Vec<_> = {
            let mut state = lock(&self.0.state);
            std::iter::from_fn(|| state.evict()).take(EVICTED_AT_ONCE).collect()
        };
        self.shut_down(evicted);
    }

    /// Shuts down everyone in the waiting room.
    pub(crate) fn evict_all(&self) {
        let waiting = {
            let mut state = lock(&self.0.state);
            let waiting = std::mem::take(&mut state.waiting);
            state.leaving.extend(waiting.keys().copied());
            waiting
        };
        self.shut_down(waiting.into_values());
    }

    fn shut_down(&self, streams: impl IntoIterator<Item = Arc<TcpStream>>) {
        for stream in streams {
            self.0.server.refused(Cause::Evicted);
            // An error means that the client was faster.
            let _ = stream.shutdown(Direction::Both);
        }
    }

    /// Says that nobody will be admitted any more.
    pub(crate) fn close(&self) {
        lock(&self.0.state).is_closed = true;
        self.0.returned.notify_all();
    }

    /// Waits until every permit has been given back, and, `for_good`, until no other will be given;
    /// false if `time` passes first.
    pub(crate) fn wait_until_returned(&self, time: Duration, for_good: bool) -> bool {
        let is_waited_for = |state: &mut State| state.held > 0 || (for_good && !state.is_closed);
        let state = lock(&self.0.state);
        let outcome = self.0.returned.wait_timeout_while(state, time, is_waited_for);
        let (mut state, _) = outcome.unwrap_or_else(PoisonError::into_inner);
        !is_waited_for(&mut state)
    }

    /// Connections that hold a permit now.
    pub(crate) fn held(&self) -> usize {
        lock(&self.0.state).held
    }

    /// What a peer is counted by. Who shares this machine, or is a proxy, speaks for many.
    fn counted(&self, peer: IpAddr) -> Option<Network> {
        let peer = address::canonical(peer);
        let speaks_for_many =
            peer.is_loopback() || address::is_proxy(peer, &self.0.trusted_proxies);
        (!speaks_for_many).then(|| Network::narrowest(peer))
    }

    fn has_room(&self, state: &State, address: Network) -> bool {
        state.addresses.get(&address).copied().unwrap_or(0) < self.0.connections_per_address
    }
}

impl State {
    /// Lets a connection wait behind all others; its ticket.
    fn wait(&mut self, stream: &Arc<TcpStream>) -> u64 {
        self.last_ticket += 1;
        self.waiting.insert(self.last_ticket, Arc::clone(stream));
        self.last_ticket
    }

    /// Moves the one that has waited longest to those who leave; none if nobody waits, or too many
    /// are still leaving.
    fn evict(&mut self) -> Option<Arc<TcpStream>> {
        if self.leaving.len() >= LEAVING_MAX {
            return None;
        }
        let (ticket, stream) = self.waiting.pop_first()?;
        self.leaving.insert(ticket);
        Some(stream)
    }

    fn uncount(&mut self, address: Network) {
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Permit {
    /// Leaves the waiting room: from here on the connection is not shut down for a newcomer. False
    /// if it already has been. A second call changes nothing.
    pub fn mark_established(&self) -> bool {
        let mut state = lock(&self.permits.0.state);
        let stream = state.waiting.remove(&self.ticket);
        let remains = !state.leaving.contains(&self.ticket);
        drop(state);
        // After the unlock: this may be the last handle, and its drop a close(2).
        drop(stream);
        remains
    }

    /// Enters the pending connections again: from here on the connection may be evicted for a newcomer, until
    /// [`Permit::mark_established`]. All that wait already are evicted before it. For connections that are kept open
    /// between two requests.
    pub fn mark_idle(&mut self, stream: &Arc<TcpStream>) {
        let mut state = lock(&self.permits.0.state);
        if !state.leaving.contains(&self.ticket) {
            // `stream` is another handle: this drop closes nothing.
            state.waiting.remove(&self.ticket);
            self.ticket = state.wait(stream);
        }
    }

    /// From now on counts for `client`, whom a trusted proxy has named. False, and nothing changes,
    /// if that address has all the connections it may have.
    pub fn count_for(&mut self, client: IpAddr) -> bool {
        let address = self.permits.counted(client);
        if address == self.address {
            return true;
        }
        let mut state = lock(&self.permits.0.state);
        if let Some(address) = address {
            if !self.permits.has_room(&state, address) {
                return false;
            }
            *state.addresses.entry(address).or_default() += 1;
        }
        if let Some(old) = self.address {
            state.uncount(old);
        }
        self.address = address;
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let shared = &self.permits.0;
        let mut state = lock(&shared.state);
        let stream = state.waiting.remove(&self.ticket);
        state.leaving.remove(&self.ticket);
        state.held -= 1;
        if let Some(address) = self.address {
            state.uncount(address);
        }
        let is_last = state.held == 0;
        drop(state);
        drop(stream);
        shared.server.closed();
        if is_last {
            shared.returned.notify_all();
        }
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "permits/tests.rs"]
mod tests;
