//! Presence: which connections watch which accounts, and the states that they have got. Only the last-seen time of an account is
//! stored.
//!
//! A connection watches the accounts of its last `presence` request. The connection's own thread registers it and
//! answers with the current state; only the dispatcher sends changes. The lock is the first in the server's order, so
//! of two changes the later one is sent last.
//!
//! Changes of one account are sent at most once in [`PRESENCE_INTERVAL`], so an account that connects and disconnects
//! all the time does not keep its watchers busy. An earlier change waits, and the state at the end of the interval is
//! sent.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use wire::{AccountId, Frame};

use crate::hub::Hub;
use crate::limit::PRESENCE_INTERVAL;
use crate::outbox::Outbox;
use crate::sync::{Mutex, MutexGuard};

pub(crate) struct Presence {
    hub: Arc<Hub>,
    clock: Clock,
    state: Mutex<State>,
}

type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

#[derive(Default)]
struct State {
    watched: HashMap<AccountId, Watched>,
    /// The accounts with a waiting change, by the time at which it is sent.
    due: BTreeSet<(Instant, AccountId)>,
    /// Accounts that hide their last-seen time, among the present and former watching and watched accounts. They do not get the
    /// last-seen time of others either.
    hiding: HashSet<AccountId>,
}

impl State {
    /// Whether `viewer` may see the last-seen time of `id`.
    fn shows(&self, id: AccountId, viewer: AccountId) -> bool {
        !self.hiding.contains(&id) && !self.hiding.contains(&viewer)
    }
}

/// A watched account.
#[derive(Default)]
struct Watched {
    by: Vec<Watch>,
    /// The time at which the last change was sent.
    sent_at: Option<Instant>,
    /// The time at which its last connection ended.
    left_at: Option<i64>,
    /// Other nodes that it is connected to.
    elsewhere: BTreeSet<i64>,
    /// The number of look-ups of `elsewhere` that have begun. The result of an older look-up is dropped after that of a
    /// newer one.
    looks: u64,
}

impl Watched {
    fn is_online(&self, hub: &Hub, id: AccountId) -> bool {
        hub.is_online(id) || !self.elsewhere.is_empty()
    }
}

/// A look-up of the other nodes that watched accounts are connected to, with the number of the look-up for each
/// account.
pub(crate) struct LookUp(Vec<(AccountId, u64)>);

impl LookUp {
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.0.iter().map(|(account, _)| *account)
    }
}

struct Watch {
    /// The account that watches.
    by: AccountId,
    outbox: Arc<Outbox>,
    /// The state that was last sent to it; `None` while it is looked up whether it may know the state.
    sent_state: Option<bool>,
}

impl Presence {
    /// `clock` returns the time in milliseconds.
    pub(crate) fn new(hub: Arc<Hub>, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let clock: Clock = Box::new(clock);
        Self { hub, clock, state: Mutex::default() }
    }

    /// Records for each account whether it hides its last-seen time.
    pub(crate) fn note_hiding(&self, accounts: impl IntoIterator<Item = (AccountId, bool)>) {
        let mut state = self.lock();
        for (account, hides) in accounts {
            match hides {
                true => state.hiding.insert(account),
                false => state.hiding.remove(&account),
            };
        }
    }

    /// Whether `viewer` may see the last-seen time of `id`.
    pub(crate) fn shows(&self, id: AccountId, viewer: AccountId) -> bool {
        self.lock().shows(id, viewer)
    }

    /// Registers that `by` watches these accounts. Nothing is sent to it before [`Presence::admit`].
    pub(crate) fn watch(&self, by: AccountId, outbox: &Arc<Outbox>, ids: &[AccountId]) {
        let mut state = self.lock();
        for id in ids {
            let watch = Watch { by, outbox: Arc::clone(outbox), sent_state: None };
            state.watched.entry(*id).or_default().by.push(watch);
        }
    }

    /// Sends the present state of `id` to a watcher that may know it, and each change from now on. `last_seen`: the last-seen time of
    /// `id`, if the watcher may see it. Returns false if the watch has ended, because one of the two has blocked the other.
    pub(crate) fn admit(
        &self,
        outbox: &Arc<Outbox>,
        id: AccountId,
        last_seen: Option<i64>,
    ) -> bool {
        let mut state = self.lock();
        let mine = |watch: &&mut Watch| Arc::ptr_eq(&watch.outbox, outbox);
        let watched = state.watched.get_mut(&id);
        let Some(watched) = watched else { return false };
        let online = watched.is_online(&self.hub, id);
        let Some(watch) = watched.by.iter_mut().find(mine) else { return false };
        watch.sent_state = Some(online);
        outbox.push(&frame(id, online, last_seen));
        true
    }

    /// Ends the watches of these accounts.
    pub(crate) fn forget(&self, outbox: &Arc<Outbox>, ids: &[AccountId]) {
        let mut state = self.lock();
        for id in ids {
            take(&mut state.watched, *id, |watch| Arc::ptr_eq(&watch.outbox, outbox));
        }
    }

    /// The time, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// The account's first connection has opened or its last one has ended, at `at` in milliseconds. Its watchers get
    /// the change at once, or at [`Presence::due_at`].
    pub(crate) fn changed(&self, id: AccountId, at: i64, now: Instant) {
        let mut state = self.lock();
        let Some(watched) = state.watched.get_mut(&id) else { return };
        if !watched.is_online(&self.hub, id) {
            watched.left_at = Some(at);
        }
        match watched.sent_at.map(|at| at + PRESENCE_INTERVAL).filter(|due| *due > now) {
            // Queued once, however often the state changes until then.
            Some(due) => {
                state.due.insert((due, id));
            }
            None => self.send_state(state, id, now),
        }
    }

    /// Begins a look-up of the other nodes that the watched accounts among `ids` are connected to.
    pub(crate) fn begin_look_up(&self, ids: &[AccountId]) -> LookUp {
        let mut state = self.lock();
        let begin = |id: &AccountId| {
            let watched = state.watched.get_mut(id)?;
            watched.looks += 1;
            Some((*id, watched.looks))
        };
        LookUp(ids.iter().filter_map(begin).collect())
    }

    /// Ends a look-up with its result: the other nodes that each account is connected to. Returns the accounts for
    /// which this has changed; [`Presence::changed`] must be called for them.
    pub(crate) fn end_look_up(
        &self,
        look: LookUp,
        nodes: impl Fn(AccountId) -> BTreeSet<i64>,
    ) -> Vec<AccountId> {
        let mut state = self.lock();
        let mut changed = Vec::new();
        for (id, number) in look.0 {
            let Some(watched) = state.watched.get_mut(&id) else { continue };
            let elsewhere = nodes(id);
            if watched.looks == number && watched.elsewhere != elsewhere {
                watched.elsewhere = elsewhere;
                changed.push(id);
            }
        }
        changed
    }

    /// Records that another node has ended. Returns the accounts that were connected to it and are watched here.
    pub(crate) fn forget_node(&self, node: i64) -> Vec<AccountId> {
        let mut state = self.lock();
        let was_there = state.watched.iter_mut().filter_map(|(id, watched)| {
            watched.looks += 1;
            watched.elsewhere.remove(&node).then_some(*id)
        });
        was_there.collect()
    }

    /// The watched accounts.
    pub(crate) fn watched(&self) -> Vec<AccountId> {
        self.lock().watched.keys().copied().collect()
    }

    /// The watches of these accounts: pairs of the watched account and the account that watches it.
    pub(crate) fn watches(&self, accounts: &[AccountId]) -> Vec<(AccountId, AccountId)> {
        let state = self.lock();
        let watches = accounts.iter().filter_map(|id| Some((*id, state.watched.get(id)?)));
        watches.flat_map(|(id, watched)| watched.by.iter().map(move |it| (id, it.by))).collect()
    }

    /// The time at which the next waiting change is sent.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.lock().due.first().map(|(due, _)| *due)
    }

    /// Sends the changes that are due.
    pub(crate) fn send_due(&self, now: Instant) {
        loop {
            let mut state = self.lock();
            match state.due.first().copied() {
                Some((due, id)) if due <= now => {
                    state.due.pop_first();
                    self.send_state(state, id, now);
                }
                _ => return,
            }
        }
    }

    /// Sends the current state to the watchers whose last state differs from it.
    fn send_state(&self, mut state: MutexGuard<'_, State>, id: AccountId, now: Instant) {
        let State { watched, hiding, .. } = &mut *state;
        let Some(watched) = watched.get_mut(&id) else { return };
        let online = watched.is_online(&self.hub, id);
        let last_seen = (!online).then(|| watched.left_at.unwrap_or_else(&self.clock));
        let last_seen = last_seen.filter(|_| !hiding.contains(&id));
        let mut outboxes = Vec::new();
        for watch in watched.by.iter_mut().filter(|watch| watch.sent_state == Some(!online)) {
            watch.sent_state = Some(online);
            let last_seen = last_seen.filter(|_| !hiding.contains(&watch.by));
            watch.outbox.push(&frame(id, online, last_seen));
            outboxes.push(Arc::clone(&watch.outbox));
        }
        if !outboxes.is_empty() {
            watched.sent_at = Some(now);
        }
        drop(state);
        for outbox in outboxes {
            outbox.flush();
        }
    }

    /// Must be called when `by` has blocked `blocked`. Each of the two sees the other go offline, and gets no change after that.
    /// `left_at` returns the last-seen time of `by` that `blocked` gets. It is called only if there is a watcher, and neither
    /// account hides its last-seen time.
    pub(crate) fn end_mutual_watches(
        &self,
        by: AccountId,
        blocked: AccountId,
        left_at: impl FnOnce() -> Option<i64>,
    ) {
        let mut state = self.lock();
        let is_told = |watch: &Watch| watch.sent_state == Some(true);
        let mut parted = take(&mut state.watched, by, |watch| watch.by == blocked);
        parted.retain(is_told);
        let mut theirs = take(&mut state.watched, blocked, |watch| watch.by == by);
        theirs.retain(is_told);
        let shows = state.shows(by, blocked);
        drop(state);
        if !parted.is_empty() {
            let frame = frame(by, false, if shows { left_at() } else { None });
            parted.iter().for_each(|watch| watch.outbox.push(&frame));
        }
        theirs.iter().for_each(|watch| watch.outbox.push(&frame(blocked, false, None)));
        for watch in parted.into_iter().chain(theirs) {
            watch.outbox.flush();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(
    watched: &mut HashMap<AccountId, Watched>,
    id: AccountId,
    fits: impl Fn(&Watch) -> bool,
) -> Vec<Watch> {
    let Some(it) = watched.get_mut(&id) else { return Vec::new() };
    let (taken, kept) = std::mem::take(&mut it.by).into_iter().partition(fits);
    it.by = kept;
    if it.by.is_empty() {
        watched.remove(&id);
    }
    taken
}

/// The `presence` frame of an account.
pub(crate) fn frame(id: AccountId, online: bool, last_seen: Option<i64>) -> Frame<'static> {
    Frame::Presence { id, online, last_seen: last_seen.filter(|_| !online) }
}

#[cfg(test)]
#[path = "presence/tests.rs"]
mod tests;
