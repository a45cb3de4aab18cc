//! Keeps reads from showing commits that a synchronous standby does not have.
//!
//! PostgreSQL shows a commit to other sessions when the synchronous standby has confirmed it. There is one exception: a server
//! that has crashed recovers the commits on its own disk, and shows those that were still waiting for the standby. If the server
//! is then lost for good before the standby has caught up, the standby takes over without them. A client that was told of such an
//! event would miss the event that gets its position in the log afterwards.
//!
//! So the first connection to a server that has started waits until the standby confirms a commit of its own. The standby then has
//! everything that the server recovered. Without a synchronous standby this takes one write to the disk.
//!
//! A server whose wait for the standby is cancelled shows the commit as well. So a commit that takes too long is not cancelled, and
//! keeps its connection on the server. While there are such commits, no new connection writes, so that there is at most one for
//! each connection of the pools.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postgres::Error;

use super::client::{Client, LateCommit};
use super::error::text;
use crate::limit::{READ_TIMEOUT, STANDBY_STALL};

/// The start time of the server whose recovered commits the standby is known to have. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ReplicationGuard(Arc<Mutex<Option<String>>>);

impl ReplicationGuard {
    /// Waits, at most [`READ_TIMEOUT`], until the standby has what this connection may read.
    ///
    /// # Errors
    /// It is not known that the standby has it; the text says why.
    pub(super) fn check(&self, client: &mut Client) -> Result<(), String> {
        let started = client.one_row(STARTED).map_err(|error| text(&error))?;
        let started = started.into_iter().next();
        if started.is_some() && *self.lock() == started {
            return Ok(());
        }
        let patience = client.set_patience(Some(READ_TIMEOUT));
        let confirmed = confirm(client);
        match confirmed {
            Ok(None) => {}
            Ok(Some(warning)) => return Err(warning),
            // A server that does not let this role write has nothing to wait for.
            Err(error) if is_refused(&error) => {
                client.batch_execute("rollback").map_err(|error| text(&error))?;
            }
            Err(error) => return Err(text(&error)),
        }
        client.set_patience(patience);
        *self.lock() = started;
        Ok(())
    }

    /// Must be called when the server has closed a connection: it may have recovered from a crash without a new start time.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const STARTED: &str = "select pg_postmaster_start_time()";

/// Commits something. Returns the server's warning if it did not wait for the standby to the end.
fn confirm(client: &mut Client) -> Result<Option<String>, Error> {
    client
        .batch_execute("begin read write; select pg_logical_emit_message(true, 'messenger', '')")?;
    client.commit(LateCommit::Cancel)
}

/// Whether the server has commits of this role that a standby has not confirmed for [`STANDBY_STALL`].
///
/// # Errors
/// It has, or it is not known; the text says which.
pub(super) fn check_writable(client: &mut Client) -> Result<(), String> {
    let stalled = format!(
        "select 1 from pg_stat_activity where usename = current_user and wait_event = 'SyncRep' \
         and clock_timestamp() - state_change > interval '{} s' limit 1",
        STANDBY_STALL.as_secs()
    );
    let found = client.one_row(&stalled).map_err(|error| text(&error))?;
    if found.is_empty() {
        return Ok(());
    }
    Err("PostgreSQL's synchronous standby has not confirmed earlier commits yet: start the standby, or change synchronous_standby_names".to_owned())
}

/// Whether the server has refused the statement, and not given it up.
fn is_refused(error: &Error) -> bool {
    error.code().is_some_and(|state| !state.code().starts_with("57"))
}
