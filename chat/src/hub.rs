//! The connections that are online, by account or guest.
//!
//! A connection is in the list of unknown connections until its hello, and from then on in the list of its account.
//! Lock order of the whole server: presence, hub, outbox; nothing else is locked while one of them is held.
//!
//! A connection looks its token up in the database and only then registers here, so it misses deliveries in between.
//! The generation guards against that. Every thread that delivers a change of the database increments it before it
//! walks the hub ([`Hub::advance_generation`]). A connection reads it before the look-up and again after registering
//! ([`Hub::generation`]), and repeats the look-up if it has changed.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use net::Shutdown;
use wire::{AccountId, SessionId};

use crate::limit::CONNECTIONS_PER_ACCOUNT_MAX;
use crate::outbox::Outbox;
use crate::sync::{AtomicU64, Mutex, RwLock, RwLockReadGuard};

/// The number of shards, each with its lock, so that senders rarely wait for each other.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<AccountId, Vec<Endpoint>>>;

pub(crate) struct Hub {
    unknown: Mutex<HashMap<u64, Arc<Outbox>>>,
    shards: [Shard; SHARDS],
    generation: AtomicU64,
}

/// One connection of an account.
pub(crate) struct Endpoint {
    pub(crate) outbox: Arc<Outbox>,
    /// The session; `None` for a guest.
    pub(crate) session: Option<SessionId>,
    /// The time of its welcome, in milliseconds.
    pub(crate) since: i64,
}

/// The connections of an account after one more was added.
pub(crate) enum Registered {
    /// The new connection is the account's only one.
    First,
    /// The account has further connections to this node.
    Additional,
    /// The account had too many connections. This was its oldest one, and is no longer registered.
    Evicted(Arc<Outbox>),
}

impl Hub {
    pub(crate) fn new() -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        Self { unknown: Mutex::default(), shards, generation: AtomicU64::new(0) }
    }

    /// Must be called by a thread that delivers a change of the database: after the change is visible to all readers,
    /// and before the connections concerned are looked up here.
    pub(crate) fn advance_generation(&self) {
        // A thread that sees the new generation reads the database after this thread read or wrote it.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The number of deliveries that have begun. A connection compares it before its look-up and after
    /// [`Hub::register`]. The lock of the shard makes the new generation visible to a connection that the delivery did
    /// not find.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Adds a connection without a hello.
    pub(crate) fn add_unknown(&self, outbox: &Arc<Outbox>) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.insert(outbox.id(), Arc::clone(outbox));
    }

    /// Adds a connection of an account. If the account has too many connections, its oldest one is removed, and the caller must
    /// close it.
    pub(crate) fn register(&self, account: AccountId, endpoint: Endpoint) -> Registered {
        let id = endpoint.outbox.id();
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        // Most accounts have one connection; by default a `Vec` allocates room for four.
        let endpoints = shard.entry(account).or_insert_with(|| Vec::with_capacity(1));
        let registered = match endpoints.len() {
            0 => Registered::First,
            // The vector is in the order of registration.
            CONNECTIONS_PER_ACCOUNT_MAX.. => Registered::Evicted(endpoints.remove(0).outbox),
            _ => Registered::Additional,
        };
        endpoints.push(endpoint);
        drop(shard);
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        registered
    }

    /// Removes a connection without a hello.
    pub(crate) fn remove_unknown(&self, outbox: &Outbox) {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).remove(&outbox.id());
    }

    /// Removes a connection of this account. Returns whether it was the last one.
    pub(crate) fn unregister(&self, account: AccountId, outbox: &Arc<Outbox>) -> bool {
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        let Some(endpoints) = shard.get_mut(&account) else { return false };
        endpoints.retain(|endpoint| !Arc::ptr_eq(&endpoint.outbox, outbox));
        let is_last = endpoints.is_empty();
        if is_last {
            shard.remove(&account);
        }
        is_last
    }

    /// Whether this connection of the account is here. One that has left gets no more events.
    pub(crate) fn is_here(&self, account: AccountId, outbox: &Arc<Outbox>) -> bool {
        let mut is_here = false;
        self.for_each_of(account, |other| is_here |= Arc::ptr_eq(other, outbox));
        is_here
    }

    /// Whether the account has a connection.
    pub(crate) fn is_online(&self, account: AccountId) -> bool {
        read(self.shard(account)).contains_key(&account)
    }

    /// The number of the account's connections, and the time at which the oldest of them was welcomed, in milliseconds.
    pub(crate) fn connections(&self, account: AccountId) -> (usize, i64) {
        let shard = read(self.shard(account));
        let endpoints = shard.get(&account).map_or(&[][..], Vec::as_slice);
        (endpoints.len(), endpoints.first().map_or(0, |oldest| oldest.since))
    }

    /// The sessions of the account's connections, without repeats.
    pub(crate) fn sessions(&self, account: AccountId) -> Vec<SessionId> {
        let shard = read(self.shard(account));
        let endpoints = shard.get(&account).map_or(&[][..], Vec::as_slice);
        let mut sessions: Vec<_> = endpoints.iter().filter_map(|it| it.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Removes the account's oldest connection, which the caller must close.
    pub(crate) fn evict_oldest(&self, account: AccountId) -> Option<Arc<Outbox>> {
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        let endpoints = shard.get_mut(&account).filter(|endpoints| !endpoints.is_empty())?;
        Some(endpoints.remove(0).outbox)
    }

    /// The accounts that are online, for a delivery from their logs. It advances the generation.
    pub(crate) fn accounts(&self) -> Vec<AccountId> {
        self.advance_generation();
        self.shards
            .iter()
            .flat_map(|shard| read(shard).keys().copied().collect::<Vec<_>>())
            .collect()
    }

    /// Calls `each` for every connection of `account`; returns whether there is one.
    pub(crate) fn for_each_of(
        &self,
        account: AccountId,
        mut each: impl FnMut(&Arc<Outbox>),
    ) -> bool {
        let shard = read(self.shard(account));
        let endpoints = shard.get(&account).map_or(&[][..], Vec::as_slice);
        endpoints.iter().for_each(|endpoint| each(&endpoint.outbox));
        !endpoints.is_empty()
    }

    /// Calls `each` for every connection with a session, so that the caller can close connections of ended sessions. Advances the
    /// generation.
    pub(crate) fn for_each_session(&self, mut each: impl FnMut(SessionId, &Arc<Outbox>)) {
        self.advance_generation();
        for shard in &self.shards {
            for endpoint in read(shard).values().flatten() {
                if let Some(session) = endpoint.session {
                    each(session, &endpoint.outbox);
                }
            }
        }
    }

    /// Calls `each` for every connection.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Arc<Outbox>)) {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.values().for_each(&mut each);
        drop(unknown);
        for shard in &self.shards {
            read(shard).values().flatten().for_each(|endpoint| each(&endpoint.outbox));
        }
    }

    /// Makes every connection notice `shutdown` when it begins.
    pub(crate) fn stop_with(self: &Arc<Self>, shutdown: &Shutdown) {
        let hub = Arc::clone(self);
        shutdown.on_begin(move || hub.for_each(|outbox| outbox.stop()));
    }

    fn shard(&self, account: AccountId) -> &Shard {
        &self.shards[account.0.unsigned_abs() as usize % SHARDS]
    }
}

fn read(shard: &Shard) -> RwLockReadGuard<'_, HashMap<AccountId, Vec<Endpoint>>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support;

    #[test]
    fn one_connection_too_many_takes_the_place_of_the_oldest() {
        let (hub, account) = (Hub::new(), AccountId(1));
        let register = || {
            let outbox = test_support::outbox().0;
            let registered = hub.register(
                account,
                Endpoint { outbox: Arc::clone(&outbox), session: None, since: 0 },
            );
            (outbox, registered)
        };
        let (first, registered) = register();
        assert!(matches!(registered, Registered::First));
        let (second, _) = register();
        for _ in 2..CONNECTIONS_PER_ACCOUNT_MAX {
            assert!(matches!(register().1, Registered::Additional));
        }
        for oldest in [first, second] {
            let Registered::Evicted(outbox) = register().1 else { panic!("none is closed") };
            assert!(Arc::ptr_eq(&outbox, &oldest));
            assert!(!hub.unregister(account, &oldest), "the others are still here");
        }
        let mut here = 0;
        hub.for_each_of(account, |_| here += 1);
        assert_eq!(here, CONNECTIONS_PER_ACCOUNT_MAX);
    }
}
