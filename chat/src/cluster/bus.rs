//! The connection to NATS.
//!
//! The accounts are spread over [`SHARDS`] subjects, and a node subscribes to those of the accounts that are connected
//! to it. So it has at most as many subscriptions as there are subjects, and a commit is published at most once on
//! each. No thread waits for the bus: a message that cannot be sent or queued at once is dropped, since its content is
//! in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use async_nats::{Client, Event};
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, abortable};
use os_thread::lock;
use wire::AccountId;

use super::settings::BusUrl;
use crate::limit::{BUS_CONNECT_TIMEOUT, BUS_FIRST_WAIT, BUS_TIDY_INTERVAL, BUS_WAITING_MAX};
use crate::metrics;

/// Subjects that the accounts are spread over.
const SHARDS: i64 = 256;

/// The connection.
pub(super) struct Bus {
    /// Empty until the client exists.
    client: OnceLock<Client>,
    /// A subject is this prefix, a dot and a number.
    prefix: String,
    link: Arc<Link>,
    subscribed: Mutex<BTreeMap<i64, AbortHandle>>,
    received: SyncSender<Vec<u8>>,
}

/// Whether the bus is connected. Each change is logged once.
#[derive(Default)]
struct Link {
    state: AtomicU8,
    /// The reason of the last disconnection.
    reason: Mutex<Option<String>>,
}

const UNKNOWN: u8 = 0;
const CONNECTED: u8 = 1;
const AWAY: u8 = 2;

impl Link {
    fn set(&self, state: u8) {
        let before = self.state.swap(state, Ordering::Relaxed);
        if before == state {
            return;
        }
        metrics::BUS_CONNECTED.set(i64::from(state == CONNECTED));
        match state {
            CONNECTED if before == AWAY => tracing::info!("NATS is back"),
            CONNECTED => tracing::info!("connected to NATS"),
            _ => {
                let reason = lock(&self.reason).take().unwrap_or_else(|| "no answer".to_owned());
                tracing::warn!(
                    reason,
                    "NATS is away: until it is back, hints from other chat servers come from the database only, and typing does not reach their clients"
                );
            }
        }
    }

    /// To be called when the bus has not been connected within the time that this usually takes.
    fn give_up_waiting(&self) {
        if self.state.load(Ordering::Relaxed) == UNKNOWN {
            self.set(AWAY);
        }
    }

    fn is_connected(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CONNECTED
    }

    fn note(&self, event: &Event) {
        match event {
            Event::Connected => self.set(CONNECTED),
            Event::Disconnected | Event::Closed => self.set(AWAY),
            Event::SlowConsumer(_) => metrics::BUS_DROPPED.inc(),
            Event::ServerError(error) => *lock(&self.reason) = Some(error.to_string()),
            Event::ClientError(error) => *lock(&self.reason) = Some(error.to_string()),
            other => tracing::debug!("NATS: {other}"),
        }
    }
}

impl Bus {
    /// Begins to connect. `deliver` is called with each message that is received; `online` returns the accounts that
    /// are connected here.
    pub(super) fn connect(
        url: &BusUrl,
        prefix: String,
        deliver: impl Fn(&[u8]) + Send + 'static,
        online: impl Fn() -> Vec<AccountId> + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let (received, messages) = sync_channel(BUS_WAITING_MAX);
        let link = Arc::<Link>::default();
        let bus = Arc::new(Self {
            client: OnceLock::new(),
            prefix,
            link: Arc::clone(&link),
            subscribed: Mutex::default(),
            received,
        });
        let options = url.options().event_callback(move |event| {
            link.note(&event);
            std::future::ready(())
        });
        let servers = url.servers().to_vec();
        let connecting = async move { options.connect(servers).await };
        // This only creates the client, which connects and reconnects by itself.
        match async_thread::wait(connecting, BUS_CONNECT_TIMEOUT) {
            Ok(Ok(client)) => drop(bus.client.set(client)),
            Ok(Err(error)) => return Err(io::Error::other(error)),
            Err(failure) => return Err(io::Error::other(format!("{failure:?}"))),
        }
        let thread = Arc::clone(&bus);
        os_thread::spawn("chat-bus", os_thread::SERVICE_STACK_BYTES, move || {
            thread.run(&messages, &deliver, &online);
        })?;
        Ok(bus)
    }

    /// Passes received messages to `deliver`, and drops subscriptions of accounts that are no longer connected.
    fn run(
        &self,
        messages: &Receiver<Vec<u8>>,
        deliver: &impl Fn(&[u8]),
        online: &impl Fn() -> Vec<AccountId>,
    ) {
        let began = Instant::now();
        let mut tidied = began;
        let mut patience = BUS_FIRST_WAIT;
        loop {
            match messages.recv_timeout(patience) {
                Ok(message) => deliver(&message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if began.elapsed() >= BUS_FIRST_WAIT {
                self.link.give_up_waiting();
                patience = BUS_TIDY_INTERVAL;
            }
            if tidied.elapsed() >= BUS_TIDY_INTERVAL {
                tidied = Instant::now();
                self.tidy(online);
            }
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    /// Subscribes to the subject of an account that has connected.
    pub(super) fn subscribe(&self, account: AccountId) {
        let shard = shard(account);
        let mut subscribed = lock(&self.subscribed);
        let (Some(client), false) = (self.client.get(), subscribed.contains_key(&shard)) else {
            return;
        };
        let (client, subject) = (client.clone(), self.subject(shard));
        let received = self.received.clone();
        let (listening, handle) = abortable(async move {
            let Ok(mut messages) = client.subscribe(subject).await else { return };
            while let Some(message) = messages.next().await {
                take_in(&received, &message.payload);
            }
        });
        let listening = async move {
            let _ = listening.await;
        };
        if async_thread::spawn(listening).is_ok() {
            subscribed.insert(shard, handle);
        }
    }

    fn tidy(&self, online: &impl Fn() -> Vec<AccountId>) {
        // An account that connects meanwhile waits for the lock, and then subscribes again.
        let mut subscribed = lock(&self.subscribed);
        let wanted: BTreeSet<i64> = online().into_iter().map(shard).collect();
        subscribed.retain(|shard, listening| {
            let is_wanted = wanted.contains(shard);
            if !is_wanted {
                listening.abort();
            }
            is_wanted
        });
    }

    /// Publishes messages about these accounts: one for each subject, made by `message` from its items of `about`.
    pub(super) fn publish<T>(
        &self,
        about: impl IntoIterator<Item = T>,
        account: impl Fn(&T) -> AccountId,
        message: impl Fn(Vec<T>) -> Vec<u8>,
    ) {
        let Some(client) = self.client.get().filter(|_| self.is_connected()) else { return };
        let mut shards: BTreeMap<i64, Vec<T>> = BTreeMap::new();
        for one in about {
            shards.entry(shard(account(&one))).or_default().push(one);
        }
        for (shard, about) in shards {
            let sending = pin!(client.publish(self.subject(shard), message(about).into()));
            // The first poll succeeds, unless the client's send queue is full.
            match sending.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => metrics::BUS_SENT.inc(),
                _ => metrics::BUS_DROPPED.inc(),
            }
        }
    }

    fn subject(&self, shard: i64) -> String {
        format!("{}.{shard}", self.prefix)
    }
}

/// Queues a message of the bus to be handled, unless the queue is full.
fn take_in(received: &SyncSender<Vec<u8>>, message: &[u8]) {
    metrics::BUS_RECEIVED.inc();
    if received.try_send(message.to_vec()).is_err() {
        metrics::BUS_DROPPED.inc();
    }
}

fn shard(account: AccountId) -> i64 {
    account.0.rem_euclid(SHARDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_faster_than_it_is_handled_is_dropped_and_counted() {
        let (received, messages) = sync_channel(BUS_WAITING_MAX);
        let dropped = metrics::BUS_DROPPED.get();
        (0..BUS_WAITING_MAX).for_each(|_| take_in(&received, b"in time"));
        assert_eq!(metrics::BUS_DROPPED.get(), dropped);
        take_in(&received, b"too late");
        assert_eq!(metrics::BUS_DROPPED.get(), dropped + 1);
        assert_eq!(messages.try_iter().count(), BUS_WAITING_MAX);
    }
}
