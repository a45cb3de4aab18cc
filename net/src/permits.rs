//! Permits bound the number of connections, in total and from one address.
//!
//! A connection is *pending* until its server calls [`Permit::mark_established`], which it does once it has a complete request
//! or knows the account. If all permits are in use and a new connection comes, the connection that has been pending for longest
//! is evicted: its socket is shut down. So half-sent heads and silent sockets cannot lock other clients out. There is one
//! mutex, and no system call is made while it is locked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Shutdown as Direction, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::address;
use crate::limit::{EVICTED_AT_ONCE, LEAVING_MAX};
use crate::metrics::{Cause, ConnectionMetrics};
use crate::network::Network;
use crate::proxy::{self, TrustedProxy};
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
    /// No connection will be admitted any more.
    is_closed: bool,
    /// Permits in use, including those of `leaving`.
    held: usize,
    /// The number of permits of each counted address. No entry is 0.
    addresses: HashMap<Network, usize>,
    /// The pending connections, by ticket: the order in which they became pending.
    waiting: BTreeMap<u64, Arc<TcpStream>>,
    /// The tickets of evicted connections whose threads have not noticed it yet.
    leaving: HashSet<u64>,
    /// The last ticket that was assigned.
    last_ticket: u64,
}

/// The permit of one connection. It is returned when it is dropped.
pub struct Permit {
    permits: Permits,
    /// The ticket under which the connection was last pending.
    ticket: u64,
    /// The address that it is counted by, if any.
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

    /// A permit for a new connection, which is pending. If all permits are in use, the connection that has been pending for longest
    /// is evicted.
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

    /// Evicts the connections that have been pending for longest, a few at a time, when descriptors run out before permits do.
    pub(crate) fn evict_some(&self) {
        let evicted: Vec<_> = {
            let mut state = lock(&self.0.state);
            std::iter::from_fn(|| state.evict()).take(EVICTED_AT_ONCE).collect()
        };
        self.shut_down(evicted);
    }

    /// Evicts all pending connections.
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

    /// From now on no connection is admitted.
    pub(crate) fn close(&self) {
        lock(&self.0.state).is_closed = true;
        self.0.returned.notify_all();
    }

    /// Waits until every permit has been returned, and, with `for_good`, until no further connection will be admitted. Returns
    /// `false` if `time` passes first.
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

    /// The network that a peer is counted by. `None` for a loopback address and for a proxy, which stand for many clients.
    fn counted(&self, peer: IpAddr) -> Option<Network> {
        let peer = address::canonical(peer);
        let speaks_for_many = peer.is_loopback() || proxy::is_proxy(peer, &self.0.trusted_proxies);
        (!speaks_for_many).then(|| Network::narrowest(peer))
    }

    fn has_room(&self, state: &State, address: Network) -> bool {
        state.addresses.get(&address).copied().unwrap_or(0) < self.0.connections_per_address
    }
}

impl State {
    /// Adds a pending connection behind all others, and returns its ticket.
    fn wait(&mut self, stream: &Arc<TcpStream>) -> u64 {
        self.last_ticket += 1;
        self.waiting.insert(self.last_ticket, Arc::clone(stream));
        self.last_ticket
    }

    /// Moves the connection that has been pending for longest to `leaving`. `None` if none is pending, or too many are still
    /// leaving.
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
    /// Ends the pending state: from now on the connection is not evicted for a new one. Returns `false` if it has been evicted
    /// already. A second call changes nothing.
    pub fn mark_established(&self) -> bool {
        let mut state = lock(&self.permits.0.state);
        let stream = state.waiting.remove(&self.ticket);
        let remains = !state.leaving.contains(&self.ticket);
        drop(state);
        // After unlocking: this may be the last handle, and then its drop calls close(2).
        drop(stream);
        remains
    }

    /// Makes the connection pending again, until [`Permit::mark_established`]: it may be evicted for a new one, after all others
    /// that are pending. For connections that are kept open between two requests.
    pub fn mark_idle(&mut self, stream: &Arc<TcpStream>) {
        let mut state = lock(&self.permits.0.state);
        if !state.leaving.contains(&self.ticket) {
            // `stream` is another handle, so this drop does not close the socket.
            state.waiting.remove(&self.ticket);
            self.ticket = state.wait(stream);
        }
    }

    /// From now on the connection is counted by `client`, the address that a trusted proxy has named. Returns `false` and changes
    /// nothing if that address has used up its connections.
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
