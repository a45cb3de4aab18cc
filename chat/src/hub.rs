//! Who is here: accounts and guests, and the outboxes of their connections.
//!
//! Each connection stands in one place: among the strangers until it is known who it is, then under its account.
//! Lock order of the whole server: hub, then outbox; nothing else is locked while either is held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use wire::{AccountId, SessionId};

use crate::outbox::Outbox;

/// Accounts are spread over so many locks that senders seldom meet.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<AccountId, Vec<Reader>>>;

pub(crate) struct Hub {
    strangers: Mutex<HashMap<u64, Arc<Outbox>>>,
    shards: [Shard; SHARDS],
}

/// One connection of an account.
pub(crate) struct Reader {
    pub(crate) outbox: Arc<Outbox>,
    /// Guests have none.
    pub(crate) session: Option<SessionId>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { strangers: Mutex::default(), shards: std::array::from_fn(|_| Shard::default()) }
    }

    /// A connection of which nothing is known but its number.
    pub(crate) fn arrive(&self, connection: u64, outbox: &Arc<Outbox>) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.insert(connection, Arc::clone(outbox));
    }

    /// It is known who it is.
    pub(crate) fn settle(&self, connection: u64, account: AccountId, reader: Reader) {
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        shard.entry(account).or_default().push(reader);
        drop(shard);
        self.forget_stranger(connection);
    }

    /// It is gone.
    pub(crate) fn leave(&self, connection: u64, account: Option<AccountId>, outbox: &Arc<Outbox>) {
        let Some(account) = account else { return self.forget_stranger(connection) };
        let mut shard = self.shard(account).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(readers) = shard.get_mut(&account) {
            readers.retain(|reader| !Arc::ptr_eq(&reader.outbox, outbox));
            if readers.is_empty() {
                shard.remove(&account);
            }
        }
    }

    /// Calls `each` for every connection of `account`; returns whether there is one.
    pub(crate) fn each_of(&self, account: AccountId, mut each: impl FnMut(&Arc<Outbox>)) -> bool {
        let shard = read(self.shard(account));
        let readers = shard.get(&account).map_or(&[][..], Vec::as_slice);
        readers.iter().for_each(|reader| each(&reader.outbox));
        !readers.is_empty()
    }

    /// Calls `each` for every connection whose session is known.
    pub(crate) fn each_session(&self, mut each: impl FnMut(SessionId, &Arc<Outbox>)) {
        for shard in &self.shards {
            for reader in read(shard).values().flatten() {
                if let Some(session) = reader.session {
                    each(session, &reader.outbox);
                }
            }
        }
    }

    /// Calls `each` for every connection there is.
    pub(crate) fn each(&self, mut each: impl FnMut(&Arc<Outbox>)) {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.values().for_each(&mut each);
        drop(strangers);
        for shard in &self.shards {
            read(shard).values().flatten().for_each(|reader| each(&reader.outbox));
        }
    }

    fn forget_stranger(&self, connection: u64) {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }

    fn shard(&self, account: AccountId) -> &Shard {
        &self.shards[account.0.unsigned_abs() as usize % SHARDS]
    }
}

fn read(shard: &Shard) -> RwLockReadGuard<'_, HashMap<AccountId, Vec<Reader>>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}
