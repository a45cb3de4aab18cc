//! The dispatcher's thread: takes what became of each commit to those who are to hear of it, while the next one runs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sql::{Batch, Committed, Operation, Outcome, Store, Submission};
use wire::{AccountId, Close, Code, ErrorFrame, Frame, Seq};

use crate::fanout::{Fanout, Origin};
use crate::hub::Hub;
use crate::limit::NOTIFICATIONS_WAITING_MAX;
use crate::metrics;
use crate::outbox::Outbox;
use crate::presence::Presence;

/// Something to be told. Notifications are told in the order of the commits.
pub(super) enum Notification {
    /// What became of a batch, whose acts these connections asked for; nothing: it was not stored.
    Batch(Batch, Vec<Option<Arc<Outbox>>>, Option<Committed>),
    /// These logs have come so far, by a commit of which only the database knew.
    Heads(Vec<(AccountId, Seq)>),
    /// Connections to be closed, now that all they sent is settled.
    Closes(Vec<(Close, Arc<Outbox>)>),
}

/// The way to the dispatcher: no more than a few commits ahead of it.
pub(super) fn channel() -> (SyncSender<Notification>, Receiver<Notification>) {
    sync_channel(NOTIFICATIONS_WAITING_MAX)
}

pub(super) struct Dispatcher {
    fanout: Fanout,
}

impl Dispatcher {
    pub(super) fn new(store: Arc<Store>, hub: Arc<Hub>, presence: Arc<Presence>) -> Self {
        Self { fanout: Fanout::new(store, hub, presence) }
    }

    pub(super) fn run(mut self, notifications: &Receiver<Notification>) {
        while let Ok(notification) = notifications.recv() {
            match notification {
                Notification::Batch(batch, origins, Some(committed)) => {
                    self.tell(&batch, &committed, &origins);
                }
                Notification::Batch(batch, origins, None) => {
                    self.reply_unavailable(&batch, &origins)
                }
                Notification::Heads(heads) => {
                    heads.iter().for_each(|(account, head)| self.fanout.backfill(*account, *head));
                }
                Notification::Closes(all) => {
                    all.iter().for_each(|(close, outbox)| outbox.send_close(*close));
                }
            }
            self.fanout.flush();
        }
    }

    fn tell(&mut self, batch: &Batch, committed: &Committed, origins: &[Option<Arc<Outbox>>]) {
        for news in &committed.events {
            let origin = news.submission.and_then(|place| {
                let act = &batch.submissions[place];
                let reference = act.reference.as_deref();
                Some(Origin { account: act.by, outbox: origins[place].as_ref()?, reference })
            });
            self.fanout.fan_out(news, origin.as_ref());
        }
        for ((act, outcome), origin) in
            batch.submissions.iter().zip(&committed.outcomes).zip(origins)
        {
            let reference = act.reference.as_deref();
            match outcome {
                Outcome::Done => count(act, "stored"),
                Outcome::Repeat(what, seq) => {
                    count(act, "repeated");
                    if let Some(outbox) = origin {
                        let origin = Origin { account: act.by, outbox, reference };
                        self.fanout.answer(&origin, what, *seq);
                    }
                }
                Outcome::Unchanged => {
                    if let Some(reference) = reference {
                        self.push(origin.as_ref(), &Frame::Ok { reference });
                    }
                }
                Outcome::Rejected(refusal) => {
                    count(act, "refused");
                    let frame = refused(refusal.code, refusal.message, reference);
                    self.push(origin.as_ref(), &frame);
                }
            }
        }
    }

    fn push(&mut self, origin: Option<&Arc<Outbox>>, frame: &Frame<'_>) {
        if let Some(outbox) = origin {
            self.fanout.push(outbox, frame);
        }
    }

    fn reply_unavailable(&mut self, batch: &Batch, origins: &[Option<Arc<Outbox>>]) {
        for (act, origin) in batch.submissions.iter().zip(origins) {
            count(act, "unavailable");
            self.push(origin.as_ref(), &unavailable(act.reference.as_deref()));
        }
    }
}

/// Counts what became of a message.
fn count(act: &Submission, outcome: &'static str) {
    if matches!(act.operation, Operation::Post { .. }) {
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
        let (tell, notifications) = channel();
        let fill =
            || (0..).take_while(|_| tell.try_send(Notification::Heads(Vec::new())).is_ok()).count();
        assert_eq!(fill(), NOTIFICATIONS_WAITING_MAX);
        notifications.recv().unwrap();
        assert_eq!(fill(), 1);
    }
}
