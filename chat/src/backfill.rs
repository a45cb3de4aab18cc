//! Fills gaps: reads from the logs the events that live connections have missed, on a thread of its own.
//!
//! A connection misses events that another node has stored, or whose commit was in doubt. Each log is read once for all
//! connections of its account, and the logs that wait are read together: while one statement runs, the next gaps
//! gather. Until a gap is filled the dispatcher delivers nothing of that log ([`crate::fanout`]), so each event still
//! goes out once and in order.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sql::{Error, Event, EventBody, Gap, Store};
use wire::{AccountId, Close, Seq};

use crate::event;
use crate::hub::Hub;
use crate::limit::{BACKFILL_LOGS_MAX, BACKFILL_PAUSE};
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::sync::{self, Condvar, Mutex, MutexGuard};

/// A handle on the thread. It ends once the last one is dropped.
pub(crate) struct Backfill(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when there is a gap to fill.
    filled: Condvar,
}

#[derive(Default)]
struct State {
    /// Logs with a gap, and its last event.
    waiting: VecDeque<(AccountId, Seq)>,
    closed: bool,
}

/// The state of a gap after one read of the log.
enum Progress {
    /// Every connection has what it missed, or is closed.
    Filled,
    /// There is more to read.
    More,
}

impl Backfill {
    /// Starts the thread. `filled` is called with the account of each gap once it is filled; `guard` is dropped when
    /// the thread ends, however it does.
    pub(crate) fn start(
        store: Arc<Store>,
        hub: Arc<Hub>,
        presence: Arc<Presence>,
        filled: impl Fn(AccountId) + Send + 'static,
        guard: impl Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let worker = Worker { store, hub, presence, json: Vec::new() };
        let queue = Arc::clone(&shared);
        sync::spawn("chat-backfill", move || {
            let _guard = guard;
            worker.run(&queue, filled);
        })?;
        Ok(Self(shared))
    }

    /// Requests that the events up to `upto` which live connections of the account have missed are read. Call it again
    /// for this account only after the gap was filled.
    pub(crate) fn request(&self, account: AccountId, upto: Seq) {
        self.0.lock().waiting.push_back((account, upto));
        self.0.filled.notify_one();
    }
}

impl Drop for Backfill {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for gaps, and takes some of them. `None` once all handles are dropped.
    fn take(&self) -> Option<Vec<(AccountId, Seq)>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.waiting.len().min(BACKFILL_LOGS_MAX);
        Some(state.waiting.drain(..count).collect())
    }

    /// Pauses. Returns whether a handle is still there.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.filled.wait_timeout_while(self.lock(), time, |state| !state.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

struct Worker {
    store: Arc<Store>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    json: Vec<u8>,
}

impl Worker {
    fn run(mut self, queue: &Shared, filled: impl Fn(AccountId)) {
        while let Some(taken) = queue.take() {
            let mut gaps = Vec::with_capacity(taken.len());
            for (account, upto) in taken {
                match self.since(account, upto) {
                    Some(since) => gaps.push(Gap { account, since, upto }),
                    None => filled(account),
                }
            }
            match self.store.events_in_gaps(&gaps) {
                Ok(mut pages) => {
                    for gap in gaps {
                        let page = pages.remove(&gap.account).unwrap_or_default();
                        match self.deliver(gap, &page) {
                            Progress::Filled => filled(gap.account),
                            Progress::More => {
                                queue.lock().waiting.push_back((gap.account, gap.upto));
                            }
                        }
                    }
                }
                Err(error @ (Error::Internal(_) | Error::Corrupted(_))) => {
                    // One of the logs cannot be read. The others are read without it.
                    if gaps.len() > 1 {
                        gaps.iter().for_each(|gap| self.read_alone(*gap, queue, &filled));
                    } else {
                        for gap in gaps {
                            tracing::error!(%error, account = %gap.account, "a log cannot be read");
                            self.close(gap, Close::Internal);
                            filled(gap.account);
                        }
                    }
                }
                // The database is away: the connections stay, and wait for it.
                Err(error) => {
                    tracing::debug!(%error, "cannot read what connections have missed");
                    if queue.pause(BACKFILL_PAUSE) {
                        let again = gaps.into_iter().rev().map(|gap| (gap.account, gap.upto));
                        let mut state = queue.lock();
                        again.for_each(|one| state.waiting.push_front(one));
                    } else {
                        gaps.iter().for_each(|gap| filled(gap.account));
                    }
                }
            }
        }
    }

    fn read_alone(&mut self, gap: Gap, queue: &Shared, filled: &impl Fn(AccountId)) {
        match self.store.events_in_gaps(&[gap]) {
            Ok(mut pages) => {
                let page = pages.remove(&gap.account).unwrap_or_default();
                if matches!(self.deliver(gap, &page), Progress::Filled) {
                    return filled(gap.account);
                }
            }
            Err(error @ (Error::Internal(_) | Error::Corrupted(_))) => {
                tracing::error!(%error, account = %gap.account, "a log cannot be read");
                self.close(gap, Close::Internal);
                return filled(gap.account);
            }
            Err(_) => {}
        }
        queue.lock().waiting.push_back((gap.account, gap.upto));
    }

    /// The last event that all live connections of the account have received; `None`: they have received `upto`.
    fn since(&self, account: AccountId, upto: Seq) -> Option<Seq> {
        let mut since = None;
        self.hub.for_each_of(account, |outbox| {
            since = since.into_iter().chain(outbox.behind(upto)).min();
        });
        since
    }

    /// Gives each connection of the account the events of `page` that it misses.
    fn deliver(&mut self, gap: Gap, page: &[Event]) -> Progress {
        if page.first().is_none_or(|first| first.seq != gap.since.next()) {
            // The log no longer reaches back so far. The clients reconnect, and their hello says so.
            self.close(gap, Close::GoingAway);
        }
        let mut touched: Vec<Arc<Outbox>> = Vec::new();
        for one in page {
            self.json.clear();
            event::log_frame(gap.account, one).write(&mut self.json);
            self.hub.for_each_of(gap.account, |outbox| {
                outbox.deliver(one.seq, &self.json);
                if !touched.iter().any(|it| Arc::ptr_eq(it, outbox)) {
                    touched.push(Arc::clone(outbox));
                }
            });
            note_block(Some(&self.store), &self.presence, gap.account, &one.body);
        }
        touched.iter().for_each(|outbox| {
            outbox.flush();
        });
        // A connection may have gone live meanwhile, before events that the page did not have.
        if self.since(gap.account, gap.upto).is_some() { Progress::More } else { Progress::Filled }
    }

    /// Closes the connections of the account that have missed the first event of the gap. They count as having received
    /// it.
    fn close(&self, gap: Gap, close: Close) {
        let mut missing = Vec::new();
        self.hub.for_each_of(gap.account, |outbox| {
            if outbox.behind(gap.upto).is_some_and(|since| since <= gap.since) {
                missing.push(Arc::clone(outbox));
            }
        });
        for outbox in missing {
            outbox.close(close);
            outbox.stop_events();
        }
    }
}

/// After a block neither of the two accounts sees the presence of the other.
pub(crate) fn note_block(
    store: Option<&Arc<Store>>,
    presence: &Presence,
    account: AccountId,
    what: &EventBody,
) {
    if let EventBody::Block { id, at } = what {
        // The time that a later `presence` request gets too. An event read from the log does not have it, so it is
        // looked up.
        let look_up = || Some(store?.blocks_among(&[(account, *id)]).ok()?.first()?.last_seen);
        let left_at = || Some(at.or_else(look_up).unwrap_or_else(|| presence.now()));
        presence.end_mutual_watches(account, *id, left_at);
    }
}
