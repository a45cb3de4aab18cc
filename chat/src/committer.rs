//! One thread that commits what many connections send, and then tells everybody.
//!
//! Acts wait in a bounded queue while a commit runs; the next commit takes all of them at once, so durability costs the
//! batch and not each message. Frames are made and sent only after the commit.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sql::{Acknowledgement, Batch, Error, Outcome, Post, Store};
use wire::{AccountId, Close, Code, ErrorFrame, Frame, Seq, SessionId};

use crate::clock::now_ms;
use crate::feeder::Feeder;
use crate::hub::Hub;
use crate::limit::{BATCH_ACTS_MAX, QUEUE_ACTS_MAX, QUEUE_BYTES_MAX, QUEUE_WAIT_MAX};
use crate::metrics;
use crate::outbox::Outbox;

/// How soon the database is asked again what became of a commit that it did not confirm.
const DOUBT_PAUSE: Duration = Duration::from_millis(250);

/// Something to be stored, and who is to be told.
pub(crate) enum Act {
    /// A message.
    Post(Post, Arc<Outbox>),
    /// Everything up to here has arrived. The text is the request's `ref`.
    Acknowledge(Acknowledgement, Option<String>, Arc<Outbox>),
    /// A session is in use. Nobody waits for this.
    Use(SessionId),
    /// Close the connection, once all it sent before is settled.
    Farewell(Close, Arc<Outbox>),
}

impl Act {
    fn bytes(&self) -> usize {
        match self {
            Self::Post(post, _) => post.content.len(),
            _ => 0,
        }
    }
}

/// A handle on the committer; clones are the same.
#[derive(Clone)]
pub(crate) struct Committer(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// The committer has something to do.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    bytes: usize,
    /// It is to end, or has.
    closed: bool,
}

impl Committer {
    pub(crate) fn start(store: Arc<Store>, hub: Arc<Hub>) -> io::Result<(Self, JoinHandle<()>)> {
        let committer = Self(Arc::default());
        let queue = Arc::clone(&committer.0);
        let worker =
            Worker { feeder: Feeder::new(Arc::clone(&store), hub), store, doubt: BTreeSet::new() };
        let stack = door::limit::SERVICE_STACK_BYTES;
        let thread = door::thread::spawn("chat-committer", stack, move || {
            // However it ends, nobody is to wait for it.
            let _closing = Closing(&queue);
            worker.run(&queue);
        })?;
        Ok((committer, thread))
    }

    /// Puts `act` into the queue. Returns false if there is no room for [`QUEUE_WAIT_MAX`]: nothing will come of it.
    pub(crate) fn submit(&self, act: Act) -> bool {
        self.0.put(act, QUEUE_WAIT_MAX)
    }

    /// The committer finishes what is in the queue and ends.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Whether it takes acts.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.lock().closed
    }
}

struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Queue {
    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.emptied.notify_all();
    }

    fn put(&self, act: Act, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let bytes = act.bytes();
        let mut state = self.lock();
        let is_full = |state: &State| {
            state.acts.len() >= QUEUE_ACTS_MAX || state.bytes + bytes > QUEUE_BYTES_MAX
        };
        while is_full(&state) && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return false;
        }
        state.bytes += bytes;
        state.acts.push_back(act);
        let is_first = state.acts.len() == 1;
        metrics::QUEUE.set(i64::try_from(state.acts.len()).unwrap_or(i64::MAX));
        drop(state);
        if is_first {
            self.filled.notify_one();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, no longer than `time`, for something to do. `None` once it is closed and empty.
    fn take(&self, time: Option<Duration>) -> Option<Vec<Act>> {
        let mut state = self.lock();
        while state.acts.is_empty() && !state.closed {
            state = match time {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.filled.wait_timeout(state, time);
                    let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
                    if result.timed_out() {
                        return Some(Vec::new());
                    }
                    state
                }
            };
        }
        if state.acts.is_empty() {
            return None;
        }
        let count = state.acts.len().min(BATCH_ACTS_MAX);
        let acts: Vec<Act> = state.acts.drain(..count).collect();
        state.bytes -= acts.iter().map(Act::bytes).sum::<usize>();
        metrics::QUEUE.set(i64::try_from(state.acts.len()).unwrap_or(i64::MAX));
        drop(state);
        self.emptied.notify_all();
        Some(acts)
    }
}

struct Worker {
    store: Arc<Store>,
    feeder: Feeder,
    /// Accounts in whose logs an unconfirmed commit may have put events.
    doubt: BTreeSet<AccountId>,
}

impl Worker {
    fn run(mut self, queue: &Queue) {
        while let Some(acts) = queue.take((!self.doubt.is_empty()).then_some(DOUBT_PAUSE)) {
            if !acts.is_empty() {
                self.commit(acts);
            }
            self.settle_doubt();
            self.feeder.flush();
        }
    }

    fn commit(&mut self, acts: Vec<Act>) {
        let mut batch = Batch::default();
        let (mut senders, mut thanks, mut farewells) = (Vec::new(), Vec::new(), Vec::new());
        for act in acts {
            match act {
                Act::Post(post, origin) => {
                    batch.posts.push(post);
                    senders.push(origin);
                }
                Act::Acknowledge(acknowledgement, reference, origin) => {
                    batch.acknowledgements.push(acknowledgement);
                    thanks.extend(reference.map(|reference| (reference, origin)));
                }
                Act::Use(session) => batch.uses.push(session),
                Act::Farewell(close, outbox) => farewells.push((close, outbox)),
            }
        }
        metrics::BATCH_ACTS.observe((batch.posts.len() + batch.acknowledgements.len()) as f64);
        let thanked = self.store_and_tell(&batch, &senders);
        for (reference, origin) in thanks {
            match thanked {
                true => self.feeder.push(&origin, &Frame::Ok { reference: &reference }),
                false => self.feeder.push(&origin, &unavailable(Some(&reference))),
            }
        }
        self.feeder.flush();
        farewells.iter().for_each(|(close, outbox)| outbox.say_goodbye(*close));
    }

    /// Returns whether the acknowledgements of the batch are stored.
    fn store_and_tell(&mut self, batch: &Batch, senders: &[Arc<Outbox>]) -> bool {
        if batch.posts.is_empty() && batch.acknowledgements.is_empty() && batch.uses.is_empty() {
            return true;
        }
        let began = Instant::now();
        let done = self.store.commit(batch, now_ms());
        metrics::COMMIT_SECONDS.observe_duration(began.elapsed());
        match done {
            Ok(outcomes) => {
                for ((post, outcome), origin) in batch.posts.iter().zip(outcomes).zip(senders) {
                    self.tell(post, outcome, origin);
                }
                true
            }
            Err(Error::Broken(text)) if batch.posts.len() > 1 => {
                // One of them cannot be stored: it must not take the others along.
                tracing::error!(
                    error = text,
                    "a batch was refused; storing its messages one by one"
                );
                for (post, origin) in batch.posts.iter().zip(senders) {
                    let one = Batch { posts: vec![post.clone()], ..Batch::default() };
                    self.store_and_tell(&one, std::slice::from_ref(origin));
                }
                let (acknowledgements, uses) = (batch.acknowledgements.clone(), batch.uses.clone());
                self.store_and_tell(&Batch { acknowledgements, uses, ..Batch::default() }, &[])
            }
            Err(error) => {
                tracing::warn!(%error, posts = batch.posts.len(), "a batch was not stored");
                if matches!(error, Error::InDoubt(_)) {
                    self.doubt.extend(batch.posts.iter().flat_map(|post| [post.from, post.to]));
                }
                metrics::MESSAGES.add("unavailable", batch.posts.len() as u64);
                for (post, origin) in batch.posts.iter().zip(senders) {
                    self.feeder.push(origin, &unavailable(post.reference.as_deref()));
                }
                false
            }
        }
    }

    fn tell(&mut self, post: &Post, outcome: Outcome, origin: &Arc<Outbox>) {
        let reference = post.reference.as_deref();
        match outcome {
            Outcome::Stored(stored) => {
                metrics::MESSAGES.inc("stored");
                self.feeder.announce(post, &stored, origin);
            }
            Outcome::Repeat(stored) => {
                metrics::MESSAGES.inc("repeated");
                self.feeder.answer(origin, post, &stored);
            }
            Outcome::NoRecipient => {
                metrics::MESSAGES.inc("refused");
                self.feeder.push(origin, &refusal(Code::NotFound, "no such account", reference));
            }
            Outcome::NoSender => {
                metrics::MESSAGES.inc("refused");
                self.feeder.push(
                    origin,
                    &refusal(Code::Unauthorized, "this account is deleted", reference),
                );
            }
        }
    }

    /// Delivers what an unconfirmed commit stored after all.
    fn settle_doubt(&mut self) {
        while let Some(account) = self.doubt.first().copied() {
            match self.store.head(account) {
                Ok(head) => self.feeder.fill(account, head.unwrap_or(Seq(0))),
                Err(_) => return, // Still away: asked again after a pause.
            }
            self.doubt.remove(&account);
        }
    }
}

fn refusal<'a>(code: Code, message: &'static str, reference: Option<&'a str>) -> Frame<'a> {
    Frame::Error(ErrorFrame {
        code,
        message: message.into(),
        reference: reference.map(Into::into),
        retry_after_ms: None,
    })
}

/// What a sender is told of a message that was not stored.
pub(crate) fn unavailable(reference: Option<&str>) -> Frame<'_> {
    refusal(
        Code::Unavailable,
        "the database is not available; send it again with the same ref",
        reference,
    )
}

#[cfg(test)]
mod tests;
