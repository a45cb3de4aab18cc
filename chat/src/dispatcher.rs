//! The dispatcher's thread, which delivers the notifications of its inbox to the connections of this node.
//!
//! No other thread looks up connections to deliver events of other accounts to them. The outcome of a commit is delivered while
//! the next commit runs.

mod inbox;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use sql::{Batch, Committed, Operation, Outcome, Store, Submission};
use wire::{Code, ErrorFrame, Frame};

use crate::backfill::Backfill;
use crate::fanout::{Fanout, Origin};
use crate::hub::Hub;
use crate::metrics;
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::push::Pushes;
use crate::service::{self, Ended};

pub(crate) use inbox::{Committing, Inbox, Live, Next, Notification};

/// Starts the dispatcher of `inbox`, and with a `store` the thread that fills gaps. It ends once the inbox is closed
/// and empty, and nothing waits for a gap.
pub(crate) fn start(
    inbox: Inbox,
    store: Option<Arc<Store>>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    pushes: Option<Pushes>,
) -> io::Result<Ended> {
    let backfill = store.clone().map(|store| {
        let (filled, guard) = (inbox.clone(), Closing(inbox.clone()));
        let filled = move |account| filled.backfilled(account);
        Backfill::start(store, Arc::clone(&hub), Arc::clone(&presence), filled, guard)
    });
    let fanout = Fanout::new(store, hub, Arc::clone(&presence), backfill.transpose()?);
    service::spawn("chat-dispatch", move || {
        let closing = Closing(inbox);
        Dispatcher { fanout, presence, pushes }.run(&closing.0);
    })
}

/// Closes the inbox when the dispatcher or the thread that fills gaps ends, even by a panic. Then the committer commits nothing
/// more.
struct Closing(Inbox);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

struct Dispatcher {
    fanout: Fanout,
    presence: Arc<Presence>,
    pushes: Option<Pushes>,
}

impl Dispatcher {
    fn run(mut self, inbox: &Inbox) {
        loop {
            match inbox.next(self.presence.due_at(), self.fanout.is_filling()) {
                Next::Deliver(notification) => self.deliver(notification),
                Next::TimedOut => self.presence.send_due(Instant::now()),
                Next::Closed => return,
            }
        }
    }

    fn deliver(&mut self, notification: Notification) {
        match notification {
            Notification::Committed(batch, origins, Some(committed)) => {
                self.committed(&batch, &committed, &origins);
            }
            Notification::Committed(batch, origins, None) => {
                self.reply_unavailable(&batch, &origins);
            }
            Notification::HeadsGrown(heads) => {
                heads.iter().for_each(|(account, head)| self.fanout.backfill(*account, *head));
            }
            Notification::Backfilled(account) => self.fanout.has_filled(account),
            Notification::Live(Live::Typing { to, frame }) => self.fanout.live(&to, &frame),
            Notification::Live(Live::PresenceChanged { account, at }) => {
                self.presence.changed(account, at, Instant::now());
            }
            Notification::Close(all) => {
                all.iter().for_each(|(close, outbox)| outbox.send_close(*close));
            }
        }
        self.fanout.flush();
    }

    fn committed(&mut self, batch: &Batch, committed: &Committed, origins: &[Option<Arc<Outbox>>]) {
        if let Some(pushes) = &self.pushes {
            pushes.committed(committed);
        }
        for event in &committed.events {
            let origin = event.submission.and_then(|index| {
                let submission = &batch.submissions[index];
                let reference = submission.reference.as_deref();
                Some(Origin { account: submission.by, outbox: origins[index].as_ref()?, reference })
            });
            self.fanout.fan_out(event, origin.as_ref());
        }
        for ((submission, outcome), origin) in
            batch.submissions.iter().zip(&committed.outcomes).zip(origins)
        {
            let reference = submission.reference.as_deref();
            match outcome {
                Outcome::Done => count(submission, "stored"),
                Outcome::Repeat(what, seq) => {
                    count(submission, "repeated");
                    if let Some(outbox) = origin {
                        let origin = Origin { account: submission.by, outbox, reference };
                        self.fanout.answer(&origin, what, *seq);
                    }
                }
                Outcome::Unchanged => {
                    if let Some(reference) = reference {
                        self.push(origin.as_ref(), &Frame::Ok { reference });
                    }
                }
                Outcome::Rejected(refusal) => {
                    count(submission, "refused");
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
        for (submission, origin) in batch.submissions.iter().zip(origins) {
            count(submission, "unavailable");
            self.push(origin.as_ref(), &unavailable(submission.reference.as_deref()));
        }
    }
}

/// Counts the outcome of a message.
fn count(submission: &Submission, outcome: &'static str) {
    if matches!(submission.operation, Operation::Post { .. }) {
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

/// The answer to a request that was not stored.
pub(crate) fn unavailable(reference: Option<&str>) -> Frame<'_> {
    refused(
        Code::Unavailable,
        "the database is not available; send it again with the same ref",
        reference,
    )
}
