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
use std::time::Instant;

use postgres::Error;
use postgres::error::SqlState;

use super::client::{Client, LateCommit};
use super::error::text;
use crate::limit::{READ_TIMEOUT, STANDBY_LOOK_INTERVAL, STANDBY_STALL};

/// What is known about the standby. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ReplicationGuard(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The start of the server whose recovered commits the standby is known to have; empty: none.
    started: Mutex<Vec<String>>,
    /// When a commit was found that waits for the standby.
    stalled_at: Mutex<Option<Instant>>,
}

impl ReplicationGuard {
    /// Waits, at most [`READ_TIMEOUT`], until the standby has what this connection may read.
    ///
    /// # Errors
    /// It is not known that the standby has it; the text says why.
    pub(super) fn check(&self, client: &mut Client) -> Result<(), String> {
        // PostgreSQL 13 and 14 may fail to read their statistics. Then the standby is asked for each connection.
        let started = client.one_row(STARTED);
        let started = started.or_else(|error| error.code().map(|_| Vec::new()).ok_or(error));
        let started = started.map_err(|error| text(&error))?;
        if !started.is_empty() && *lock(&self.0.started) == started {
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
        *lock(&self.0.started) = started;
        Ok(())
    }

    /// Fails without a look at the server, if less than [`STANDBY_LOOK_INTERVAL`] ago a commit was waiting for the standby.
    ///
    /// # Errors
    /// The text says what to do.
    pub(super) fn check_recent(&self) -> Result<(), String> {
        match *lock(&self.0.stalled_at) {
            Some(at) if at.elapsed() < STANDBY_LOOK_INTERVAL => Err(STALLED.to_owned()),
            _ => Ok(()),
        }
    }

    /// Fails if the server has commits of this role that a standby has not confirmed for [`STANDBY_STALL`].
    ///
    /// # Errors
    /// It has, or it is not known; the text says which.
    pub(super) fn check_writable(&self, client: &mut Client) -> Result<(), String> {
        let waiting = format!(
            "select 1 from pg_stat_activity where usename = session_user and wait_event = 'SyncRep' \
             and clock_timestamp() - state_change > interval '{} s' limit 1",
            STANDBY_STALL.as_secs()
        );
        let is_stalled = !client.one_row(&waiting).map_err(|error| text(&error))?.is_empty();
        *lock(&self.0.stalled_at) = is_stalled.then(Instant::now);
        if is_stalled { Err(STALLED.to_owned()) } else { Ok(()) }
    }
}

const STALLED: &str = "PostgreSQL's synchronous standby has not confirmed earlier commits yet: start the standby, or change \
                       synchronous_standby_names";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When the server has started, and when its statistics began. A server that recovers from the crash of one of its processes
/// discards them, and does not start anew.
const STARTED: &str = "select pg_postmaster_start_time(), stats_reset from pg_stat_bgwriter";

/// Commits something. Returns the server's warning if it did not wait for the standby to the end.
fn confirm(client: &mut Client) -> Result<Option<String>, Error> {
    client
        .batch_execute("begin read write; select pg_logical_emit_message(true, 'messenger', '')")?;
    client.commit(LateCommit::Cancel)
}

/// Whether the server does not let this role write.
fn is_refused(error: &Error) -> bool {
    error.code().is_some_and(|state| {
        [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(state)
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, Signal, kill_process};

    use super::super::Connector;
    use super::*;
    use crate::engine::Purpose;
    use crate::url::Backend;

    #[test]
    fn a_server_that_recovers_from_the_crash_of_one_of_its_processes_counts_as_started() {
        let cluster = acceptance::Cluster::make().unwrap();
        cluster.start().unwrap();
        let url: crate::DatabaseUrl = cluster.database().unwrap().parse().unwrap();
        let Backend::Postgres(config, tls, given) = &url.0 else {
            panic!("{url} is no PostgreSQL")
        };
        let connector = Connector::new(config, tls, given).unwrap();
        let mut client = connector.session(Purpose::Read).unwrap();
        let before = client.one_row(STARTED).unwrap();
        assert_eq!(client.one_row(STARTED).unwrap(), before);
        let process = client.one_row("select pg_backend_pid()").unwrap()[0].parse().unwrap();
        kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        let after = loop {
            assert!(Instant::now() < deadline, "PostgreSQL does not recover");
            match connector.session(Purpose::Read).map(|mut client| client.one_row(STARTED)) {
                Ok(Ok(after)) if after != before => break after,
                _ => std::thread::yield_now(),
            }
        };
        assert_eq!(after[0], before[0], "it was not started anew");
    }
}
