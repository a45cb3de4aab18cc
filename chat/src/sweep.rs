//! Takes out what is no longer kept, every [`SWEEP_INTERVAL`], and sees to what deleted accounts leave behind.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use door::Shutdown;
use sql::{Act, Alteration, Deed, Keep, Store};

use crate::committer::{Committer, Task};
use crate::limit::{ERASE_INTERVAL, SWEEP_INTERVAL};

/// Wakes the sweeper before its time.
#[derive(Clone)]
pub(crate) struct Bell(SyncSender<()>);

impl Bell {
    /// There may be a deleted account in groups. Ringing twice is ringing once.
    pub(crate) fn ring(&self) {
        let _ = self.0.try_send(());
    }
}

/// Starts the thread. Several nodes may sweep the same database.
pub(crate) fn start(
    store: Arc<Store>,
    committer: Committer,
    keep: Keep,
    shutdown: Shutdown,
) -> io::Result<Bell> {
    let (ring, heard) = sync_channel(1);
    let bell = Bell(ring);
    let last = bell.clone();
    shutdown.on_begin(move || last.ring());
    door::thread::spawn("chat-sweep", door::limit::SERVICE_STACK_BYTES, move || {
        run(&store, &committer, keep, &shutdown, &heard);
    })?;
    Ok(bell)
}

fn run(store: &Store, committer: &Committer, keep: Keep, shutdown: &Shutdown, bell: &Receiver<()>) {
    let (mut swept, mut erased) = (None::<Instant>, None::<Instant>);
    while !shutdown.has_begun() {
        see_ghosts_out(store, committer);
        if swept.is_none_or(|at| at.elapsed() >= SWEEP_INTERVAL) {
            swept = Some(Instant::now());
            report("messages", store.expire_messages(store.now()));
            report("logs", store.trim_logs(keep, store.now()));
        }
        if erased.is_none_or(|at| at.elapsed() >= ERASE_INTERVAL) {
            erased = Some(Instant::now());
            report("deleted accounts", store.erase_left_traces());
        }
        if let Err(RecvTimeoutError::Disconnected) = bell.recv_timeout(SWEEP_INTERVAL) {
            return;
        }
    }
}

/// One sweep that stops must not stop the others. While the database is away nothing grows old that the next would not find.
fn report(what: &str, swept: sql::Result<()>) {
    if let Err(error) = swept {
        tracing::warn!(%error, "the sweep of {what} stopped; it goes on with the next one");
    }
}

/// Has deleted accounts leave the groups they are still in, so that the others hear of it.
fn see_ghosts_out(store: &Store, committer: &Committer) {
    for (account, group) in store.ghosts().unwrap_or_default() {
        let deed = Deed::Change { group, how: Alteration::Leave };
        committer.submit(Task::Act(Act { by: account, reference: None, deed }, None));
    }
}
