//! The chat server: messages over WebSockets. Each connection has a thread, and every message is committed before it is
//! delivered. Without a database the clients are guests, and nothing is stored.
//!
//! [`serve`] starts it. Its parts:
//!
//! - a *connection* reads requests on its own thread. `request.rs` classifies each request as a query, an operation or a live frame,
//!   and `verb/` has a file for each query and live frame;
//! - the *committer* stores operations (messages, receipts, edits, changes of groups …), many of them in one transaction of the crate
//!   `sql`, which has a file for each kind of operation;
//! - the *dispatcher* takes committed events and live frames from its inbox; the *fan-out* appends them to outboxes, and `event.rs`
//!   makes the frame of an event;
//! - the *hub* has the connections of each account;
//! - an *outbox* is the outgoing queue of one connection.
//!
//! Frames are defined in the crate `wire`. Settings are in `args.rs`, bounds in `limit.rs`. docs/ARCHITECTURE.md follows a message
//! through these parts, and docs/CONTRIBUTING.md lists the files to change for a new frame type.

mod args;
mod backfill;
mod client;
mod clock;
mod cluster;
mod committer;
mod connection;
mod daily_limits;
mod dispatcher;
mod drainer;
mod event;
mod fanout;
mod flow;
mod http_service;
mod hub;
#[cfg(feature = "shuttle")]
#[cfg(test)]
mod interleavings;
mod limit;
mod long_answers;
mod message_reader;
pub mod metrics;
mod outbox;
mod page;
mod plain_frame;
mod presence;
mod push;
mod query_context;
mod rate_limit;
mod relay_batch;
mod replay;
mod replies;
mod request;
mod revocation;
mod server;
mod service;
mod socket_buffer;
mod stall;
mod strikes;
mod sweep;
mod sync;
#[cfg(test)]
mod test_support;
mod token_throttle;
mod upgrade;
mod verb;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use http::Opening;
use net::{Serving, Shutdown};
use sql::Store;

pub use args::{Args, COST, Config, LISTEN_DEFAULT};
pub use cluster::{BusError, BusUrl};
pub use http_service::ChatService;

use crate::cluster::Cluster;
use crate::committer::Committer;
use crate::dispatcher::Inbox;
use crate::drainer::Drainer;
use crate::hub::Hub;
use crate::limit::{COMMITTER_END_MAX, NODE_END_MAX, PUSH_END_MAX, SESSIONS_END_MAX};
use crate::presence::Presence;
use crate::push::Pushes;
use crate::rate_limit::RateLimits;
use crate::server::{Accounts, Mode, Server, Timeouts};
use crate::service::Ended;
use crate::token_throttle::TokenThrottle;

/// A running chat server.
pub struct Running {
    serving: Serving,
    server: Arc<Server>,
    committer: Option<Ended>,
    dispatcher: Ended,
    /// The thread that reads the notices of other nodes.
    node: Option<Ended>,
    /// The thread that marks subscriptions for Web Push.
    push: Option<Ended>,
}

/// Starts the server on the listener that `opening` has bound, and serves until `shutdown` begins. Without a `store` it runs in guest
/// mode.
///
/// # Errors
/// A thread could not be started.
pub fn serve(
    config: &Config,
    opening: Opening,
    store: Option<Arc<Store>>,
    shutdown: &Shutdown,
) -> io::Result<Running> {
    let hub = Arc::new(Hub::new());
    let kept = store.clone();
    let clock = move || kept.as_ref().map_or_else(clock::now_ms, |store| store.now());
    let presence = Arc::new(Presence::new(Arc::clone(&hub), clock));
    let inbox = Inbox::default();
    let pushes = store.clone().map(|store| Pushes::start(store, Arc::clone(&hub))).transpose()?;
    let (pushes, push) = pushes.unzip();
    let dispatcher = dispatcher::start(
        inbox.clone(),
        store.clone(),
        Arc::clone(&hub),
        Arc::clone(&presence),
        pushes.clone(),
    )?;
    let (mut cluster, mut node) = (None, None);
    let (mode, committer) = match store {
        None => (Mode::Guests { last: AtomicI64::new(0) }, None),
        Some(store) => {
            let nodes = Cluster::new(
                Arc::clone(&store),
                Arc::clone(&hub),
                Arc::clone(&presence),
                inbox.clone(),
                config.bus.as_ref(),
            )?;
            cluster = Some(Arc::clone(&nodes));
            let (committer, ended) = Committer::start(
                Arc::clone(&store),
                Arc::clone(&hub),
                inbox.clone(),
                Some(Arc::clone(&nodes)),
            )?;
            let (keep, stop) = (config.keep, shutdown.clone());
            let (erased, stopped) = (Arc::clone(&store), shutdown.clone());
            os_thread::spawn("chat-erase", os_thread::SERVICE_STACK_BYTES, move || {
                erased.run_eraser(|time| stopped.wait_for(time));
            })?;
            let (indexed, stopped) = (Arc::clone(&store), shutdown.clone());
            os_thread::spawn("chat-index", os_thread::SERVICE_STACK_BYTES, move || {
                indexed.run_reindexer(|time| stopped.wait_for(time));
            })?;
            let (probed, stopped) = (Arc::clone(&store), shutdown.clone());
            os_thread::spawn("chat-probe", os_thread::SERVICE_STACK_BYTES, move || {
                probed.run_health_probes(|time| stopped.wait_for(time));
            })?;
            let shown = Arc::clone(&store);
            node = Some(service::spawn("chat-node", move || shown.run_node(&*nodes))?);
            let notify = sweep::start(Arc::clone(&store), committer.clone(), keep, stop)?;
            let (revoked, watched) = (Arc::clone(&store), Arc::clone(&presence));
            revocation::watch(revoked, Arc::clone(&hub), watched, notify, shutdown.clone())?;
            (Mode::Accounts(Accounts { store, committer }), Some(ended))
        }
    };
    let server = Arc::new(Server {
        hub: Arc::clone(&hub),
        presence,
        inbox,
        cluster,
        pushes,
        drainer: Drainer::start()?,
        mode,
        long_answers: long_answers::LongAnswers::default(),
        timeouts: Timeouts::default(),
        rate_limits: RateLimits::new(config.message_rate),
        daily_limits: daily_limits::DailyLimits::new(),
        token_throttle: TokenThrottle::new(),
        shutdown: shutdown.clone(),
    });
    hub.stop_with(shutdown);
    let shared = Arc::clone(&server);
    let serving = opening.open(ChatService(shared));
    serving.log_endpoints("ws");
    Ok(Running { serving, server, committer, dispatcher, node, push })
}

impl Running {
    /// The health check of the server.
    pub fn readiness(
        &self,
    ) -> impl Fn() -> Result<(), telemetry::health::Unhealthy> + Send + Sync + 'static {
        let server = Arc::clone(&self.server);
        move || server.ready()
    }

    /// A service that answers requests of another listener like those of this server's own.
    pub fn service(&self) -> ChatService {
        ChatService(Arc::clone(&self.server))
    }

    /// Must be called after the shutdown has begun. Waits until all accepted operations are committed and answered, but not past
    /// `deadline`. `wait_elsewhere` waits for the requests of [`Running::service`] for the given time, and returns whether they have
    /// ended.
    pub fn finish(self, deadline: Instant, wait_elsewhere: impl Fn(Duration) -> bool) {
        let left = || deadline.saturating_duration_since(Instant::now());
        let until = Instant::now() + SESSIONS_END_MAX.min(left());
        let have_ended = self.serving.wait(until.saturating_duration_since(Instant::now()));
        if !wait_elsewhere(until.saturating_duration_since(Instant::now())) || !have_ended {
            tracing::warn!("some connections did not end in time");
        }
        let until = Instant::now() + COMMITTER_END_MAX.min(left());
        let mut has_delivered = true;
        if let (Some(accounts), Some(committer)) = (self.server.accounts(), &self.committer) {
            accounts.committer.close();
            has_delivered = committer.wait_until(until);
        }
        self.server.inbox.close();
        if !has_delivered || !self.dispatcher.wait_until(until) {
            tracing::warn!(
                "the database does not answer in time: what waits to be stored or delivered is given up"
            );
        }
        if let (Some(pushes), Some(push)) = (&self.server.pushes, &self.push) {
            pushes.close();
            push.wait_until(Instant::now() + PUSH_END_MAX.min(left()));
        }
        if let (Some(cluster), Some(node)) = (&self.server.cluster, &self.node) {
            cluster.end();
            node.wait_until(Instant::now() + NODE_END_MAX.min(left()));
        }
        self.server.drainer.wait_until_drained(left());
    }
}
