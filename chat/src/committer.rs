//! The queue of operations, and the thread that commits them and passes the outcome to the
//! [dispatcher](crate::dispatcher).
//!
//! Operations wait in a bounded queue while a commit runs. The next commit takes all of them (group commit), so the
//! cost of a durable write is shared. Frames are generated and sent only after the commit.
//!
//! Receipts without a `ref`, which no client waits for, are delayed for a while. So one commit stores many of them, and
//! of several `received` of one connection only the last one.

mod receipts;
mod share;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sql::{Operation, Store, Submission};
use wire::{AccountId, Close, Recipient, SessionId};

use crate::cluster::Cluster;
use crate::committer::receipts::Receipts;
use crate::committer::share::Shares;
use crate::committer::worker::Worker;
use crate::dispatcher::Inbox;
use crate::hub::Hub;
use crate::limit::{
    BATCH_OPERATIONS_MAX, QUEUE_BYTES_MAX, QUEUE_OPERATIONS_MAX, QUEUE_WAIT_MAX, RECEIPT_WAIT_BUSY,
    RECEIPT_WAIT_MAX, RECEIPTS_BESIDE_MIN, RECEIPTS_WAITING_MAX,
};
use crate::metrics;
use crate::outbox::Outbox;
use crate::service::{self, Ended};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A task of the committer, and the connection that submitted it.
pub(crate) enum Task {
    /// An operation, and the connection that waits for its answer, if any.
    Operation(Submission, Option<Arc<Outbox>>),
    /// Records that a session is in use. No client waits for this.
    SessionUse(SessionId),
    /// Records that an account's last connection has ended, at this time in milliseconds. No client waits for this.
    Disconnection(AccountId, i64),
    /// Closes the connection, after the answers to its earlier requests.
    Close(Close, Arc<Outbox>),
}

impl Task {
    fn bytes(&self) -> usize {
        match self {
            Self::Operation(Submission { operation, .. }, _) => match operation {
                Operation::Post { content, .. } | Operation::Edit { content, .. } => content.len(),
                Operation::CreateGroup { members, .. } => members.len() * size_of::<AccountId>(),
                _ => 0,
            },
            _ => 0,
        }
    }
}

impl Task {
    /// Whether the task may be delayed: it is a receipt without a `ref`.
    fn is_deferrable(&self) -> bool {
        let Self::Operation(Submission { operation, reference, .. }, _) = self else {
            return false;
        };
        matches!(operation, Operation::Received { .. } | Operation::Read { .. })
            && reference.is_none()
    }

    /// Whether it may write or look at a thousand rows: an event in the logs of all members of a group, all groups of
    /// an account, or what was withheld from it.
    fn is_large(&self) -> bool {
        let Self::Operation(Submission { operation, .. }, _) = self else { return false };
        match operation {
            Operation::Post { to, .. } => matches!(to, Recipient::Group(_)),
            Operation::Block { .. }
            | Operation::Unblock { .. }
            | Operation::Hide { .. }
            | Operation::SetRetention { .. }
            | Operation::CreateGroup { .. }
            | Operation::ChangeGroup { .. }
            | Operation::JoinGroup { .. }
            | Operation::React { .. }
            | Operation::Edit { .. }
            | Operation::Delete { .. } => true,
            Operation::Received { .. }
            | Operation::Read { .. }
            | Operation::Report { .. }
            | Operation::Accept { .. }
            | Operation::Decline { .. }
            | Operation::SetConversation { .. }
            | Operation::ClearConversation { .. }
            | Operation::DeclineInvitation { .. }
            | Operation::Refused(_) => false,
        }
    }
}

/// A handle of the committer. Clones share it.
#[derive(Clone)]
pub(crate) struct Committer(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Signalled when the committer has a task.
    filled: Condvar,
    /// Signalled when the queue has room again.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// The delayed receipts.
    receipts: Receipts,
    bytes: usize,
    /// Whether the committer must end, or has ended.
    closed: bool,
}

impl Committer {
    /// Starts the thread. It passes what it has committed to `inbox` and to `cluster`.
    pub(crate) fn start(
        store: Arc<Store>,
        hub: Arc<Hub>,
        inbox: Inbox,
        cluster: Option<Arc<Cluster>>,
    ) -> io::Result<(Self, Ended)> {
        let committer = Self(Arc::default());
        let queue = Arc::clone(&committer.0);
        let worker = Worker::new(store, hub, inbox, cluster);
        let ended = service::spawn("chat-committer", move || {
            let _closing = Closing(&queue);
            worker.run(&queue);
        })?;
        Ok((committer, ended))
    }

    /// A queue without a thread, as if the database took its time.
    #[cfg(test)]
    pub(crate) fn without_thread() -> Self {
        Self(Arc::default())
    }

    /// The tasks in a queue without a thread, once there are some.
    #[cfg(test)]
    pub(crate) fn take(&self, patience: Duration) -> Vec<Task> {
        self.0.take(Some(patience)).unwrap_or_default()
    }

    /// Puts `task` into the queue. Returns `false` if there is no room for [`QUEUE_WAIT_MAX`]; then the task is
    /// dropped.
    pub(crate) fn submit(&self, task: Task) -> bool {
        self.0.put(task, QUEUE_WAIT_MAX)
    }

    /// The same as [`Committer::submit`] with another deadline, so that all requests of one tick share one wait.
    pub(crate) fn submit_by(&self, task: Task, deadline: Instant) -> bool {
        self.0.put(task, deadline.saturating_duration_since(Instant::now()))
    }

    /// Closes the queue. The committer commits the remaining tasks and ends.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Whether it takes tasks.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.lock().closed
    }
}

/// Closes the queue when the thread ends, even by a panic, so that no thread waits for it.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Queue {
    /// Closes the queue and drops its tasks.
    fn abandon(&self) {
        let mut state = self.lock();
        state.tasks.clear();
        state.receipts.clear();
        state.bytes = 0;
        metrics::QUEUE.set(0);
        self.end(state);
    }

    fn close(&self) {
        self.end(self.lock());
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.closed = true;
        drop(state);
        self.filled.notify_one();
        self.emptied.notify_all();
    }

    fn put(&self, task: Task, patience: Duration) -> bool {
        let now = Instant::now();
        let deadline = now + patience;
        let (bytes, is_deferrable) = (task.bytes(), task.is_deferrable());
        let mut state = self.lock();
        if is_deferrable && !state.closed && state.receipts.merge(&task) {
            return true;
        }
        let is_full = |state: &State| {
            state.len() >= QUEUE_OPERATIONS_MAX || state.bytes + bytes > QUEUE_BYTES_MAX
        };
        while is_full(&state) && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return false;
        }
        state.bytes += bytes;
        // The committer is woken for tasks that are not delayed, and for the first receipt, to learn when it is due.
        let wakes = if is_deferrable {
            state.receipts.add(task, now);
            [1, RECEIPTS_WAITING_MAX].contains(&state.receipts.len())
        } else {
            state.tasks.push_back(task);
            state.tasks.len() == 1
        };
        metrics::QUEUE.set(i64::try_from(state.len()).unwrap_or(i64::MAX));
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for tasks, at most `time`. `None` once the queue is closed and empty.
    fn take(&self, time: Option<Duration>) -> Option<Vec<Task>> {
        let deadline = time.map(|time| Instant::now() + time);
        let mut state = self.lock();
        while state.tasks.is_empty() && !state.closed {
            let now = Instant::now();
            if state.receipts_are_due(now) {
                break;
            }
            let due = state.receipts.due_at(RECEIPT_WAIT_MAX);
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Some(Vec::new());
            }
            state = match due.into_iter().chain(deadline).min() {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let waited = self.filled.wait_timeout(state, until - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let tasks = state.take();
        metrics::QUEUE.set(i64::try_from(state.len()).unwrap_or(i64::MAX));
        drop(state);
        self.emptied.notify_all();
        (!tasks.is_empty()).then_some(tasks)
    }
}

impl State {
    fn len(&self) -> usize {
        self.tasks.len() + self.receipts.len()
    }

    fn receipts_are_due(&self, now: Instant) -> bool {
        self.closed
            || self.receipts.len() >= RECEIPTS_WAITING_MAX
            || self.receipts.due_at(RECEIPT_WAIT_MAX).is_some_and(|due| due <= now)
    }

    /// The tasks of the next commit.
    fn take(&mut self) -> Vec<Task> {
        let mut tasks = self.take_shares();
        self.bytes -= tasks.iter().map(Task::bytes).sum::<usize>();
        // A client that disconnects may be back at once, and must find what it has acknowledged.
        let ends = |task: &Task| matches!(task, Task::Close(..) | Task::Disconnection(..));
        let waiting = self.receipts.len();
        let count = if tasks.iter().any(ends) {
            waiting
        } else if waiting >= RECEIPTS_WAITING_MAX || tasks.is_empty() {
            RECEIPTS_WAITING_MAX
        } else {
            // Clients wait for the other operations of this commit, so few receipts join it.
            let most = RECEIPTS_BESIDE_MIN.max(tasks.len());
            self.receipts.due(RECEIPT_WAIT_BUSY, Instant::now(), most)
        };
        self.receipts.move_to(&mut tasks, count);
        tasks
    }

    /// Takes each account's share of the waiting tasks. Tasks beyond it keep their place in the queue.
    fn take_shares(&mut self) -> Vec<Task> {
        let mut shares = Shares::default();
        let mut free = BATCH_OPERATIONS_MAX;
        let admitted: Vec<bool> = self
            .tasks
            .iter()
            .map_while(|task| {
                (free > 0).then(|| {
                    let is_admitted = shares.admit(task);
                    free -= usize::from(is_admitted);
                    is_admitted
                })
            })
            .collect();
        let (mut tasks, mut kept) = (Vec::new(), Vec::new());
        for (task, is_admitted) in self.tasks.drain(..admitted.len()).zip(admitted) {
            if is_admitted { tasks.push(task) } else { kept.push(task) }
        }
        kept.into_iter().rev().for_each(|task| self.tasks.push_front(task));
        tasks
    }
}

#[cfg(test)]
mod tests;
