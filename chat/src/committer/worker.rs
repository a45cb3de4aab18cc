//! The committer's thread, which commits the tasks of the queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::{Batch, Error, Store};
use wire::AccountId;

use super::{Queue, Task};
use crate::cluster::Cluster;
use crate::dispatcher::{Committing, Inbox};
use crate::hub::Hub;
use crate::limit::DOUBT_CHUNK;
use crate::metrics;
use crate::outbox::Outbox;

/// The pause between two attempts to learn whether an unconfirmed commit was stored.
const DOUBT_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Worker {
    store: Arc<Store>,
    hub: Arc<Hub>,
    inbox: Inbox,
    cluster: Option<Arc<Cluster>>,
    /// Accounts in whose logs an unconfirmed commit may have put events.
    doubt: Vec<AccountId>,
    /// Whether other nodes must get a notice of an unconfirmed commit.
    is_to_announce: bool,
}

impl Worker {
    pub(super) fn new(
        store: Arc<Store>,
        hub: Arc<Hub>,
        inbox: Inbox,
        cluster: Option<Arc<Cluster>>,
    ) -> Self {
        Self { store, hub, inbox, cluster, doubt: Vec::new(), is_to_announce: false }
    }

    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(tasks) = queue.take(self.is_to_announce.then_some(DOUBT_PAUSE)) {
            if !self.inbox.is_open() {
                return; // Without a dispatcher nothing more is committed.
            }
            // The database has just failed. Requests do not wait for a second failure.
            if tasks.is_empty() || self.commit(tasks) {
                self.resolve_doubt();
            }
        }
    }

    /// Whether the database has confirmed the batch.
    fn commit(&mut self, tasks: Vec<Task>) -> bool {
        let mut batch = Batch::default();
        let (mut origins, mut closes) = (Vec::new(), Vec::new());
        for task in tasks {
            match task {
                Task::Operation(submission, origin) => {
                    batch.submissions.push(submission);
                    origins.push(origin);
                }
                Task::SessionUse(session) => batch.session_uses.push(session),
                Task::Disconnection(account, at) => batch.disconnections.push((account, at)),
                Task::Close(close, outbox) => closes.push((close, outbox)),
            }
        }
        metrics::BATCH_OPERATIONS.observe(batch.submissions.len() as f64);
        let departed: Vec<_> = batch.disconnections.iter().map(|(account, _)| *account).collect();
        let submitters = batch.submissions.iter().map(|submission| submission.by).collect();
        let committing = self.inbox.begin_commit(submitters);
        let is_done = self.store(&committing, batch, origins);
        drop(committing);
        // Recorded before the change is delivered, so a client that is told of it finds the time.
        if let Some(cluster) = &self.cluster {
            departed.into_iter().for_each(|account| cluster.connections_changed(account));
        }
        if !closes.is_empty() {
            self.inbox.close_connections(closes);
        }
        is_done
    }

    fn store(
        &mut self,
        committing: &Committing,
        batch: Batch,
        origins: Vec<Option<Arc<Outbox>>>,
    ) -> bool {
        if batch.submissions.is_empty()
            && batch.session_uses.is_empty()
            && batch.disconnections.is_empty()
        {
            return true;
        }
        let began = Instant::now();
        let done = self.store.commit(&batch, self.store.now());
        metrics::COMMIT_SECONDS.observe_duration(began.elapsed());
        match done {
            Ok(_) if batch.submissions.is_empty() => true,
            Ok(committed) => {
                if let Some(cluster) = &self.cluster {
                    cluster.publish_commit(&committed);
                }
                committing.deliver(batch, origins, Some(committed));
                true
            }
            Err(error @ (Error::Internal(_) | Error::Corrupted(_) | Error::AlreadyExists))
                if batch.submissions.len() > 1 =>
            {
                // One of the operations cannot be stored. The others are committed without it.
                tracing::error!(%error, "a batch was refused; storing its operations one by one");
                for (submission, origin) in batch.submissions.into_iter().zip(origins) {
                    self.store(
                        committing,
                        Batch { submissions: vec![submission], ..Batch::default() },
                        vec![origin],
                    );
                }
                let (session_uses, disconnections) = (batch.session_uses, batch.disconnections);
                self.store(
                    committing,
                    Batch { session_uses, disconnections, ..Batch::default() },
                    Vec::new(),
                )
            }
            Err(error) => {
                tracing::warn!(%error, operations = batch.submissions.len(), "messages were not stored");
                if matches!(error, Error::InDoubt(_)) {
                    // Accounts that are online here are told of what was stored. The submitters' logs show whether it
                    // was.
                    self.doubt.extend(self.hub.accounts());
                    self.doubt.extend(batch.submissions.iter().map(|submission| submission.by));
                    self.doubt.sort_unstable();
                    self.doubt.dedup();
                    self.is_to_announce = true;
                }
                committing.deliver(batch, origins, None);
                false
            }
        }
    }

    /// Delivers the events of an unconfirmed commit that was stored nevertheless.
    fn resolve_doubt(&mut self) {
        while !self.doubt.is_empty() {
            let chunk = self.doubt.len().saturating_sub(DOUBT_CHUNK);
            // The database is still away. This is repeated after a pause.
            let Ok(heads) = self.store.heads_after_doubt(&self.doubt[chunk..]) else { return };
            self.doubt.truncate(chunk);
            self.inbox.heads_grown(&heads);
        }
        if self.is_to_announce && self.store.announce_all().is_ok() {
            // Accounts that have come since the commit are told as well: it may have become visible after their logs were read.
            for online in self.hub.accounts().chunks(DOUBT_CHUNK) {
                let Ok(heads) = self.store.heads(online) else { return };
                self.inbox.heads_grown(&heads);
            }
            self.is_to_announce = false;
        }
    }
}
