//! The committer's thread: from what waits to a commit, and from a commit to those who are to hear of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::{Act, Batch, Committed, Deed, Entry, Error, News, Outcome, Store, What};
use wire::{AccountId, Change, Code, ErrorFrame, Frame};

use super::{Queue, Task};
use crate::clock::now_ms;
use crate::feeder::{Feeder, Origin};
use crate::hub::Hub;
use crate::limit::DOUBT_CHUNK;
use crate::metrics;
use crate::outbox::Outbox;
use crate::presence::Presence;

/// How soon the database is asked again what became of a commit that it did not confirm.
const DOUBT_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Worker {
    store: Arc<Store>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    feeder: Feeder,
    /// Accounts in whose logs an unconfirmed commit may have put events.
    doubt: Vec<AccountId>,
}

impl Worker {
    pub(super) fn new(store: Arc<Store>, hub: Arc<Hub>, presence: Arc<Presence>) -> Self {
        let feeder = Feeder::new(Arc::clone(&store), Arc::clone(&hub), Arc::clone(&presence));
        Self { store, hub, presence, feeder, doubt: Vec::new() }
    }

    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(tasks) = queue.take((!self.doubt.is_empty()).then_some(DOUBT_PAUSE)) {
            if !tasks.is_empty() {
                self.commit(tasks);
            }
            self.settle_doubt();
            self.feeder.flush();
        }
    }

    fn commit(&mut self, tasks: Vec<Task>) {
        let mut batch = Batch::default();
        let (mut origins, mut farewells) = (Vec::new(), Vec::new());
        for task in tasks {
            match task {
                Task::Act(act, origin) => {
                    batch.acts.push(act);
                    origins.push(origin);
                }
                Task::Use(session) => batch.uses.push(session),
                Task::Depart(account) => batch.departures.push(account),
                Task::Farewell(close, outbox) => farewells.push((close, outbox)),
            }
        }
        metrics::BATCH_ACTS.observe(batch.acts.len() as f64);
        self.store_and_tell(&batch, &origins);
        self.feeder.flush();
        farewells.iter().for_each(|(close, outbox)| outbox.say_goodbye(*close));
    }

    fn store_and_tell(&mut self, batch: &Batch, origins: &[Option<Arc<Outbox>>]) {
        if batch.acts.is_empty() && batch.uses.is_empty() && batch.departures.is_empty() {
            return;
        }
        let began = Instant::now();
        let done = self.store.commit(batch, now_ms());
        metrics::COMMIT_SECONDS.observe_duration(began.elapsed());
        match done {
            Ok(committed) => self.tell(batch, &committed, origins),
            Err(error @ (Error::Broken(_) | Error::Conflict)) if batch.acts.len() > 1 => {
                // One of them cannot be stored: it must not take the others along.
                tracing::error!(%error, "a batch was refused; doing its acts one by one");
                for (act, origin) in batch.acts.iter().zip(origins) {
                    let one = Batch { acts: vec![act.clone()], ..Batch::default() };
                    self.store_and_tell(&one, std::slice::from_ref(origin));
                }
                let (uses, departures) = (batch.uses.clone(), batch.departures.clone());
                self.store_and_tell(&Batch { uses, departures, ..Batch::default() }, &[]);
            }
            Err(error) => {
                tracing::warn!(%error, acts = batch.acts.len(), "a batch was not stored");
                if matches!(error, Error::InDoubt(_)) {
                    // Of everybody else's log it is enough that it is right.
                    self.doubt = self.hub.accounts();
                }
                for (act, origin) in batch.acts.iter().zip(origins) {
                    count(act, "unavailable");
                    self.push(origin.as_ref(), &unavailable(act.reference.as_deref()));
                }
            }
        }
    }

    fn tell(&mut self, batch: &Batch, committed: &Committed, origins: &[Option<Arc<Outbox>>]) {
        for news in &committed.news {
            let origin = news.answers.and_then(|place| {
                let act = &batch.acts[place];
                let reference = act.reference.as_deref();
                Some(Origin { account: act.by, outbox: origins[place].as_ref()?, reference })
            });
            self.feeder.spread(news, origin.as_ref());
            self.part(news);
        }
        for ((act, outcome), origin) in batch.acts.iter().zip(&committed.outcomes).zip(origins) {
            let reference = act.reference.as_deref();
            match outcome {
                Outcome::Done => count(act, "stored"),
                Outcome::Repeat(what, seq) => {
                    count(act, "repeated");
                    if let Some(outbox) = origin {
                        let origin = Origin { account: act.by, outbox, reference };
                        self.feeder.answer(&origin, what, *seq);
                    }
                }
                Outcome::Nothing => {
                    if let Some(reference) = reference {
                        self.push(origin.as_ref(), &Frame::Ok { reference });
                    }
                }
                Outcome::Refused(refusal) => {
                    count(act, "refused");
                    let frame = refused(refusal.code, refusal.message, reference);
                    self.push(origin.as_ref(), &frame);
                }
            }
        }
    }

    /// Who has left a group no longer sees those it shares no conversation with, nor they it.
    fn part(&self, news: &News) {
        let What::Entry(Entry::Change(change)) = &news.what else { return };
        let gone = match (change.change, change.member) {
            (Change::Remove, Some(member)) => member,
            (Change::Leave, _) => change.by,
            _ => return,
        };
        let others: Vec<_> = news.to.iter().map(|(id, _)| *id).filter(|id| *id != gone).collect();
        // If it cannot be looked up, seeing too little is the better mistake.
        let known = self.store.acquaintances(gone, &others).unwrap_or_default();
        others
            .iter()
            .filter(|other| !known.contains_key(*other))
            .for_each(|other| self.presence.part(gone, *other));
    }

    fn push(&mut self, origin: Option<&Arc<Outbox>>, frame: &Frame<'_>) {
        if let Some(outbox) = origin {
            self.feeder.push(outbox, frame);
        }
    }

    /// Delivers what an unconfirmed commit stored after all.
    fn settle_doubt(&mut self) {
        while !self.doubt.is_empty() {
            let chunk = self.doubt.len().saturating_sub(DOUBT_CHUNK);
            // Still away: asked again after a pause.
            let Ok(heads) = self.store.heads(&self.doubt[chunk..]) else { return };
            self.doubt.truncate(chunk);
            for (account, head) in heads {
                self.feeder.fill(account, head);
            }
        }
    }
}

/// Counts what became of a message.
fn count(act: &Act, outcome: &'static str) {
    if matches!(act.deed, Deed::Post { .. }) {
        metrics::MESSAGES.inc(outcome);
    }
}

fn refused<'a>(code: Code, message: &'static str, reference: Option<&'a str>) -> Frame<'a> {
    Frame::Error(ErrorFrame {
        code,
        message: message.into(),
        reference: reference.map(Into::into),
        retry_after_ms: None,
    })
}

/// What somebody is told whose wish was not stored.
pub(crate) fn unavailable(reference: Option<&str>) -> Frame<'_> {
    refused(
        Code::Unavailable,
        "the database is not available; send it again with the same ref",
        reference,
    )
}
