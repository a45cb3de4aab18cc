//! Deletes expired messages and events every [`SWEEP_INTERVAL`], and removes deleted accounts from their groups.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use net::Shutdown;
use sql::{GroupAction, LogRetention, Operation, Store, Submission};

use crate::committer::{Committer, Task};
use crate::limit::{ERASE_INTERVAL, SWEEP_INTERVAL};

/// Wakes the sweeper before its time.
#[derive(Clone)]
pub(crate) struct Notify(SyncSender<()>);

impl Notify {
    /// Must be called when a deleted account may still be in groups. Several calls before a sweep count as one.
    pub(crate) fn notify_one(&self) {
        let _ = self.0.try_send(());
    }
}

/// Starts the thread. Several nodes may sweep the same database.
pub(crate) fn start(
    store: Arc<Store>,
    committer: Committer,
    keep: LogRetention,
    shutdown: Shutdown,
) -> io::Result<Notify> {
    let (ring, heard) = sync_channel(1);
    let notify = Notify(ring);
    let last = notify.clone();
    shutdown.on_begin(move || last.notify_one());
    os_thread::spawn("chat-sweep", os_thread::SERVICE_STACK_BYTES, move || {
        run(&store, &committer, keep, &shutdown, &heard);
    })?;
    Ok(notify)
}

fn run(
    store: &Store,
    committer: &Committer,
    keep: LogRetention,
    shutdown: &Shutdown,
    notify: &Receiver<()>,
) {
    let (mut swept, mut erased) = (None::<Instant>, None::<Instant>);
    while !shutdown.has_begun() {
        remove_deleted_members(store, committer);
        if swept.is_none_or(|at| at.elapsed() >= SWEEP_INTERVAL) {
            swept = Some(Instant::now());
            report("messages", store.expire_messages(store.now()));
            report("reports", store.expire_reports(store.now()));
            report("logs", store.trim_logs(keep, store.now()));
        }
        if erased.is_none_or(|at| at.elapsed() >= ERASE_INTERVAL) {
            erased = Some(Instant::now());
            report("deleted accounts", store.erase_deleted_accounts_rows());
        }
        if let Err(RecvTimeoutError::Disconnected) = notify.recv_timeout(SWEEP_INTERVAL) {
            return;
        }
    }
}

/// An error of one sweep does not stop the others. The next sweep finds what this one has left.
fn report(what: &str, swept: sql::Result<()>) {
    if let Err(error) = swept {
        tracing::warn!(%error, "the sweep of {what} stopped; it goes on with the next one");
    }
}

/// Removes deleted accounts from the groups that they are still in, so that the other members get an event.
fn remove_deleted_members(store: &Store, committer: &Committer) {
    for (account, group) in store.deleted_members().unwrap_or_default() {
        let operation = Operation::ChangeGroup { group, action: GroupAction::Leave };
        committer
            .submit(Task::Operation(Submission { by: account, reference: None, operation }, None));
    }
}
