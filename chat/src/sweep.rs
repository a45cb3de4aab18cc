//! Takes out what is no longer kept, every [`SWEEP_INTERVAL`].

use std::io;
use std::sync::Arc;

use door::Shutdown;
use sql::{Act, Alteration, Deed, Keep, Store};

use crate::clock::now_ms;
use crate::committer::{Committer, Task};
use crate::limit::SWEEP_INTERVAL;

/// Starts the thread. Several nodes may sweep the same database.
pub(crate) fn start(
    store: Arc<Store>,
    committer: Committer,
    keep: Keep,
    shutdown: Shutdown,
) -> io::Result<()> {
    door::thread::spawn("chat-sweep", door::limit::SERVICE_STACK_BYTES, move || {
        loop {
            // While the database is away nothing grows old in it that the next sweep would not find.
            if let Err(error) = sweep(&store, &committer, keep) {
                tracing::debug!(%error, "a sweep stopped");
            }
            if shutdown.wait_for(SWEEP_INTERVAL) {
                return;
            }
        }
    })?;
    Ok(())
}

fn sweep(store: &Store, committer: &Committer, keep: Keep) -> sql::Result<()> {
    see_ghosts_out(store, committer)?;
    store.erase_empty_groups()?;
    store.expire_messages(now_ms())?;
    store.trim_logs(keep, now_ms())
}

/// Has deleted accounts leave the groups they are still in.
pub(crate) fn see_ghosts_out(store: &Store, committer: &Committer) -> sql::Result<()> {
    for (account, group) in store.ghosts()? {
        let deed = Deed::Change { group, how: Alteration::Leave };
        committer.submit(Task::Act(Act { by: account, reference: None, deed }, None));
    }
    Ok(())
}
