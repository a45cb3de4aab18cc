//! Who wants to know who is here. Live only: nothing of it is stored but when somebody was last here.
//!
//! A connection watches the accounts of its last `presence` request. Its lock is the first in the server's order, so that of
//! two changes at once the later one is told last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::{AccountId, Frame};

use crate::clock::now_ms;
use crate::hub::Hub;
use crate::outbox::Outbox;

pub(crate) struct Presence {
    hub: Arc<Hub>,
    watches: Mutex<HashMap<AccountId, Vec<Watch>>>,
}

struct Watch {
    /// Who watches.
    by: AccountId,
    outbox: Arc<Outbox>,
    /// What it was told last; nothing while it is still looked up whether it may know.
    told: Option<bool>,
}

impl Presence {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, watches: Mutex::default() }
    }

    /// Notes that `by` wants to know of these. It is told nothing before [`Presence::admit`].
    pub(crate) fn watch(&self, by: AccountId, outbox: &Arc<Outbox>, ids: &[AccountId]) {
        let mut watches = self.lock();
        for id in ids {
            let watch = Watch { by, outbox: Arc::clone(outbox), told: None };
            watches.entry(*id).or_default().push(watch);
        }
    }

    /// It may know of `id`, which was last here then: it is told now, and whenever that changes. False if there has been a
    /// block in between.
    pub(crate) fn admit(
        &self,
        outbox: &Arc<Outbox>,
        id: AccountId,
        last_seen: Option<i64>,
    ) -> bool {
        let mut watches = self.lock();
        let mine = |watch: &&mut Watch| Arc::ptr_eq(&watch.outbox, outbox);
        let Some(watch) = watches.get_mut(&id).and_then(|all| all.iter_mut().find(mine)) else {
            return false;
        };
        let online = self.hub.is_here(id);
        watch.told = Some(online);
        outbox.push(&frame(id, online, last_seen));
        true
    }

    /// It does not want to know of these any more, or may not.
    pub(crate) fn forget(&self, outbox: &Arc<Outbox>, ids: &[AccountId]) {
        let mut watches = self.lock();
        for id in ids {
            take(&mut watches, *id, |watch| Arc::ptr_eq(&watch.outbox, outbox));
        }
    }

    /// The account's first connection has come or its last one gone.
    pub(crate) fn changed(&self, id: AccountId) {
        let mut watches = self.lock();
        let Some(all) = watches.get_mut(&id) else { return };
        let online = self.hub.is_here(id);
        let last_seen = (!online).then(now_ms);
        let mut told = Vec::new();
        for watch in all.iter_mut().filter(|watch| watch.told == Some(!online)) {
            watch.told = Some(online);
            watch.outbox.push(&frame(id, online, last_seen));
            told.push(Arc::clone(&watch.outbox));
        }
        drop(watches);
        for outbox in told {
            outbox.flush();
        }
    }

    /// One of the two has blocked the other: each sees the other leave, and does not hear of its return.
    pub(crate) fn part(&self, one: AccountId, other: AccountId) {
        let mut watches = self.lock();
        let mut parted = take(&mut watches, one, |watch| watch.by == other);
        for watch in &parted {
            leave(watch, one);
        }
        let theirs = take(&mut watches, other, |watch| watch.by == one);
        for watch in &theirs {
            leave(watch, other);
        }
        drop(watches);
        parted.extend(theirs);
        for watch in parted {
            watch.outbox.flush();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Vec<Watch>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave(watch: &Watch, id: AccountId) {
    if watch.told == Some(true) {
        watch.outbox.push(&frame(id, false, Some(now_ms())));
    }
}

fn take(
    watches: &mut HashMap<AccountId, Vec<Watch>>,
    id: AccountId,
    fits: impl Fn(&Watch) -> bool,
) -> Vec<Watch> {
    let Some(all) = watches.get_mut(&id) else { return Vec::new() };
    let (taken, kept) = std::mem::take(all).into_iter().partition(fits);
    *all = kept;
    if all.is_empty() {
        watches.remove(&id);
    }
    taken
}

/// Whether an account is here, as others are told it.
pub(crate) fn frame(id: AccountId, online: bool, last_seen: Option<i64>) -> Frame<'static> {
    Frame::Presence { id, online, last_seen: last_seen.filter(|_| !online) }
}
