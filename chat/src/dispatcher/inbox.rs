//! The dispatcher's inbox: everything that is to be delivered to connections comes through it, in order.
//!
//! Each kind of notification has a bound of its own. At its bound the committer waits, and so does a source of hints;
//! typing is dropped.
//!
//! A hint that a log has grown may be about a commit of this node that is not delivered yet. If its events were read
//! from the log, the connection that submitted the operation would get them as events and not as an answer. So a hint
//! about the log of a submitter waits in [`State::held`] until the commit that runs is in the queue. All other hints pass,
//! since a commit may wait for a lock that another node holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use sql::{Batch, Committed};
use wire::{AccountId, Close, Seq};

use crate::limit::{COMMITS_WAITING_MAX, HEADS_WAITING_MAX, LIVE_WAITING_MAX};
use crate::outbox::Outbox;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A notification for the dispatcher.
pub(crate) enum Notification {
    /// The outcome of a batch and the connections that submitted its operations; `None`: it was not stored.
    Committed(Batch, Vec<Option<Arc<Outbox>>>, Option<Committed>),
    /// These logs have grown to these heads, by a commit of any node. The connections of this node get the events that they lack.
    HeadsGrown(BTreeMap<AccountId, Seq>),
    /// The gap in this account's log that the dispatcher has asked to be filled is filled.
    Backfilled(AccountId),
    /// Typing or presence.
    Live(Live),
    /// Connections to be closed, after everything that came before.
    Close(Vec<(Close, Arc<Outbox>)>),
}

/// A notification that is never stored.
pub(crate) enum Live {
    /// A frame for every connection of these accounts.
    Typing { to: Vec<AccountId>, frame: Vec<u8> },
    /// The account's first connection has opened or its last one has ended, at this time in milliseconds.
    PresenceChanged { account: AccountId, at: i64 },
}

/// A handle on the inbox; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when the dispatcher has something to do.
    filled: Condvar,
    /// Signalled when there is room again.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Notification>,
    /// Hints that wait for the commit that runs.
    held: BTreeMap<AccountId, Seq>,
    /// The accounts whose operations the running commit stores.
    submitters: BTreeSet<AccountId>,
    /// Commits in the queue.
    commits: usize,
    /// Live notifications in the queue.
    live: usize,
    /// Hints in the queue, and those held.
    heads: usize,
    /// The number of threads that wait for room, and whether the dispatcher waits. They are signalled only then.
    waiting_for_room: usize,
    is_idle: bool,
    closed: bool,
    /// The dispatcher or the thread that fills gaps has ended.
    abandoned: bool,
}

/// What the dispatcher does next.
pub(crate) enum Next {
    Deliver(Notification),
    /// The time until which it waited has come.
    TimedOut,
    /// The inbox is closed and empty.
    Closed,
}

impl Inbox {
    /// Must be called before a commit of operations of these accounts begins. The returned guard is held until the outcome of the
    /// commit is in the inbox.
    pub(crate) fn begin_commit(&self, submitters: BTreeSet<AccountId>) -> Committing {
        self.0.lock().submitters = submitters;
        Committing(self.clone())
    }

    /// These logs have grown, according to the database or to another node. Hints about one log are one hint. Waits
    /// while [`HEADS_WAITING_MAX`] of them wait.
    pub(crate) fn heads_grown(&self, heads: &[(AccountId, Seq)]) {
        for chunk in heads.chunks(HEADS_WAITING_MAX) {
            let mut state = self.0.room(|state| state.heads + chunk.len() <= HEADS_WAITING_MAX);
            if state.closed {
                return;
            }
            let (held, passing): (Vec<_>, Vec<_>) =
                chunk.iter().partition(|(account, _)| state.submitters.contains(account));
            state.heads += merge(&mut state.held, held);
            state.push_heads(passing);
            self.0.wake(state);
        }
    }

    /// Queues the notification that the gap in this account's log is filled. It never waits for room: there is at most one
    /// notification for each gap that the dispatcher has requested.
    pub(super) fn backfilled(&self, account: AccountId) {
        let mut state = self.0.lock();
        // Also while the inbox is closed: the dispatcher waits for this notification.
        state.queue.push_back(Notification::Backfilled(account));
        self.0.wake(state);
    }

    /// Queues `frame`, which says that an account is typing, for every connection of `to`. Dropped if too many
    /// notifications wait.
    pub(crate) fn typing(&self, to: Vec<AccountId>, frame: Vec<u8>) {
        let mut state = self.0.lock();
        if state.live < LIVE_WAITING_MAX {
            state.push(Notification::Live(Live::Typing { to, frame }));
            self.0.wake(state);
        }
    }

    /// Queues the notification that the account's first connection has opened or its last one has ended, at `at` in milliseconds.
    /// Waits for room.
    pub(crate) fn presence_changed(&self, account: AccountId, at: i64) {
        let mut state = self.0.room(|state| state.live < LIVE_WAITING_MAX);
        state.push(Notification::Live(Live::PresenceChanged { account, at }));
        self.0.wake(state);
    }

    /// Closes these connections, after everything that came before.
    pub(crate) fn close_connections(&self, connections: Vec<(Close, Arc<Outbox>)>) {
        let mut state = self.0.lock();
        state.push(Notification::Close(connections));
        self.0.wake(state);
    }

    /// Closes the inbox. The dispatcher delivers the remaining notifications and ends.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        drop(state);
        self.0.filled.notify_one();
        self.0.emptied.notify_all();
    }

    /// Whether the dispatcher takes notifications.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.lock().closed
    }

    /// The next notification, for the dispatcher, which waits no longer than `until`. `is_filling`: gaps are being
    /// filled, so there is more to come also once the inbox is closed.
    pub(crate) fn next(&self, until: Option<Instant>, is_filling: bool) -> Next {
        let mut state = self.0.lock();
        loop {
            // The time comes first, however many notifications wait.
            if until.is_some_and(|until| until <= Instant::now()) {
                return Next::TimedOut;
            }
            if let Some(next) = state.pop() {
                let is_waited_for = state.waiting_for_room > 0;
                drop(state);
                if is_waited_for {
                    self.0.emptied.notify_all();
                }
                return Next::Deliver(next);
            }
            if state.closed && (state.abandoned || !is_filling) {
                return Next::Closed;
            }
            state.is_idle = true;
            state = match until {
                None => self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let waited = self.0.filled.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.is_idle = false;
        }
    }

    /// Closes the inbox because one of the threads that deliver has ended, and forgets what is in it.
    pub(crate) fn abandon(&self) {
        let mut state = self.0.lock();
        *state = State { closed: true, abandoned: true, ..State::default() };
        drop(state);
        self.0.filled.notify_one();
        self.0.emptied.notify_all();
    }
}

/// A commit of this node runs.
pub(crate) struct Committing(Inbox);

impl Committing {
    /// Queues the outcome of a batch; `None`: it was not stored. Waits while [`COMMITS_WAITING_MAX`] commits are in the
    /// queue.
    pub(crate) fn deliver(
        &self,
        batch: Batch,
        origins: Vec<Option<Arc<Outbox>>>,
        committed: Option<Committed>,
    ) {
        let shared = &self.0.0;
        let mut state = shared.room(|state| state.commits < COMMITS_WAITING_MAX);
        state.push(Notification::Committed(batch, origins, committed));
        shared.wake(state);
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut state = shared.lock();
        state.submitters.clear();
        let held = std::mem::take(&mut state.held);
        state.heads -= held.len();
        state.push_heads(held.into_iter().collect());
        shared.wake(state);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room. A closed inbox has room for everything, since it keeps nothing.
    fn room(&self, has_room: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !state.closed && !has_room(&state) {
            state.waiting_for_room += 1;
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting_for_room = state.waiting_for_room.saturating_sub(1);
        }
        state
    }

    /// Wakes the dispatcher if it waits and there is something for it.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakes = state.is_idle && !state.queue.is_empty();
        state.is_idle &= !wakes;
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }
}

impl State {
    fn push(&mut self, notification: Notification) {
        if self.closed {
            return;
        }
        match &notification {
            Notification::Committed(..) => self.commits += 1,
            Notification::Live(_) => self.live += 1,
            Notification::HeadsGrown(heads) => self.heads += heads.len(),
            Notification::Backfilled(_) | Notification::Close(_) => {}
        }
        self.queue.push_back(notification);
    }

    fn push_heads(&mut self, heads: Vec<(AccountId, Seq)>) {
        if heads.is_empty() {
            return;
        }
        if let Some(Notification::HeadsGrown(last)) = self.queue.back_mut() {
            self.heads += merge(last, heads);
        } else {
            let mut furthest = BTreeMap::new();
            merge(&mut furthest, heads);
            self.push(Notification::HeadsGrown(furthest));
        }
    }

    fn pop(&mut self) -> Option<Notification> {
        let next = self.queue.pop_front()?;
        match &next {
            Notification::Committed(..) => self.commits -= 1,
            Notification::Live(_) => self.live -= 1,
            Notification::HeadsGrown(heads) => self.heads -= heads.len(),
            Notification::Backfilled(_) | Notification::Close(_) => {}
        }
        Some(next)
    }
}

/// Keeps the furthest head of each log; returns how many logs are new.
fn merge(
    all: &mut BTreeMap<AccountId, Seq>,
    heads: impl IntoIterator<Item = (AccountId, Seq)>,
) -> usize {
    let before = all.len();
    for (account, head) in heads {
        let furthest = all.entry(account).or_insert(head);
        *furthest = head.max(*furthest);
    }
    all.len() - before
}

#[cfg(test)]
mod tests;
