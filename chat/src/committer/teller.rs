//! The teller's thread: takes what became of each commit to those who are to hear of it, while the next one runs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sql::{Act, Batch, Committed, Deed, Outcome, Store};
use wire::{AccountId, Close, Code, ErrorFrame, Frame, Seq};

use crate::feeder::{Feeder, Origin};
use crate::hub::Hub;
use crate::limit::TALES_WAITING_MAX;
use crate::metrics;
use crate::outbox::Outbox;
use crate::presence::Presence;

/// Something to be told. Tales are told in the order of the commits.
pub(super) enum Tale {
    /// What became of a batch, whose acts these connections asked for; nothing: it was not stored.
    Batch(Batch, Vec<Option<Arc<Outbox>>>, Option<Committed>),
    /// These logs have come so far, by a commit of which only the database knew.
    Heads(Vec<(AccountId, Seq)>),
    /// Connections to be closed, now that all they sent is settled.
    Farewells(Vec<(Close, Arc<Outbox>)>),
}

/// The way to the teller: no more than a few commits ahead of it.
pub(super) fn channel() -> (SyncSender<Tale>, Receiver<Tale>) {
    sync_channel(TALES_WAITING_MAX)
}

pub(super) struct Teller {
    feeder: Feeder,
}

impl Teller {
    pub(super) fn new(store: Arc<Store>, hub: Arc<Hub>, presence: Arc<Presence>) -> Self {
        Self { feeder: Feeder::new(store, hub, presence) }
    }

    pub(super) fn run(mut self, tales: &Receiver<Tale>) {
        while let Ok(tale) = tales.recv() {
            match tale {
                Tale::Batch(batch, origins, Some(committed)) => {
                    self.tell(&batch, &committed, &origins);
                }
                Tale::Batch(batch, origins, None) => self.apologise(&batch, &origins),
                Tale::Heads(heads) => {
                    heads.iter().for_each(|(account, head)| self.feeder.fill(*account, *head));
                }
                Tale::Farewells(all) => {
                    all.iter().for_each(|(close, outbox)| outbox.say_goodbye(*close));
                }
            }
            self.feeder.flush();
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

    fn push(&mut self, origin: Option<&Arc<Outbox>>, frame: &Frame<'_>) {
        if let Some(outbox) = origin {
            self.feeder.push(outbox, frame);
        }
    }

    fn apologise(&mut self, batch: &Batch, origins: &[Option<Arc<Outbox>>]) {
        for (act, origin) in batch.acts.iter().zip(origins) {
            count(act, "unavailable");
            self.push(origin.as_ref(), &unavailable(act.reference.as_deref()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_commits_is_no_more_than_a_few_commits_ahead() {
        let (tell, tales) = channel();
        let fill = || (0..).take_while(|_| tell.try_send(Tale::Heads(Vec::new())).is_ok()).count();
        assert_eq!(fill(), TALES_WAITING_MAX);
        tales.recv().unwrap();
        assert_eq!(fill(), 1);
    }
}
