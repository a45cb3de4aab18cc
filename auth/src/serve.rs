//! Starts the server: the listener, the HTTP library, and the threads that maintain the database.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Opening, Service};
use net::Shutdown;
use os_thread::SERVICE_STACK_BYTES;
use sql::Store;

use crate::args::Config;
use crate::backend::Backend;
use crate::client::Client;
use crate::collect;
use crate::context::{ChatPlace, Context};
use crate::failure_exchange::FailureExchange;
use crate::limit::{PUSH_FLUSH_MAX, PUSH_HOST_KEPT_MS, SWEEP_INTERVAL};
use crate::mail::Mailer;
use crate::pusher::{PushContext, Pushing};
use crate::service::AuthService;
use telemetry::health::Unhealthy;

/// A running server.
pub struct Serving {
    listener: net::Serving,
    /// Begins when no further request can arrive.
    end: Shutdown,
    context: Arc<Context>,
    pushing: Pushing,
}

/// Starts the server, which serves until `shutdown` begins, and logs its addresses. With `chat`, one port is enough for both servers:
/// `chat` answers the requests for `/ws` and for the descriptions of the protocol.
///
/// # Errors
/// The private socket cannot be created, a thread cannot be started, or the system has no random numbers.
pub fn serve(
    config: &Config,
    opening: Opening,
    store: Arc<Store>,
    shutdown: &Shutdown,
    chat: Option<Box<dyn Service>>,
) -> io::Result<Serving> {
    let end = Shutdown::new();
    let sweeping = (Arc::clone(&store), shutdown.clone());
    let (erased, stopped) = (Arc::clone(&store), shutdown.clone());
    os_thread::spawn("auth-erase", SERVICE_STACK_BYTES, move || {
        erased.run_eraser(|time| stopped.wait_for(time));
    })?;
    let (probed, stopped) = (Arc::clone(&store), shutdown.clone());
    os_thread::spawn("auth-probe", SERVICE_STACK_BYTES, move || {
        probed.run_health_probes(|time| stopped.wait_for(time));
    })?;
    let collected = (Arc::clone(&store), config.files.clone(), shutdown.clone());
    os_thread::spawn("auth-collect", SERVICE_STACK_BYTES, move || {
        collect::run(&collected.0, collected.1.as_ref(), |time| collected.2.wait_for(time));
    })?;
    if let Some(files) = config.files.clone() {
        let stopped = shutdown.clone();
        os_thread::spawn("auth-files", SERVICE_STACK_BYTES, move || {
            files.run_health_probes(|time| stopped.wait_for(time));
        })?;
    }
    let mut context = Context::new(store, config.signup_rate).map_err(io::Error::other)?;
    context.signup = config.signup;
    context.chat = ChatPlace { url: config.chat_url.clone(), is_here: chat.is_some() };
    if let Some(settings) = &config.mail {
        context.mailer = Some(Mailer::start(settings, Arc::clone(&context.store))?);
    }
    context.push = PushContext::new(config.push_allow.clone());
    let pushing = Pushing::start(
        Arc::clone(&context.store),
        config.push_allow.clone(),
        config.push_contact.clone(),
        shutdown.clone(),
    )?;
    if context.store.is_shared() {
        context.failures = Some(FailureExchange::new()?);
    }
    let context = Arc::new(context.with_files(config.files.clone(), config.file_max));
    if context.failures.is_some() {
        let (told, stopped) = (Arc::clone(&context), shutdown.clone());
        os_thread::spawn("auth-failures", SERVICE_STACK_BYTES, move || {
            if let Some(failures) = &told.failures {
                failures.run(&told.store, &told.throttle, |time| stopped.wait_for(time));
            }
        })?;
    }
    let backend = Backend::start(&context, &end)?;
    let sweep = move || sweep(&sweeping.0, &sweeping.1);
    os_thread::spawn("auth-sweep", SERVICE_STACK_BYTES, sweep)?;
    let client = Client::new(config.chat_url.as_deref());
    let service = AuthService { context: Arc::clone(&context), backend, client, chat };
    let listener = opening.open(service);
    listener.log_endpoints("http");
    Ok(Serving { listener, end, context, pushing })
}

impl Serving {
    /// The health check of the server.
    pub fn readiness(&self) -> impl Fn() -> Result<(), Unhealthy> + Send + Sync + 'static {
        let context = Arc::clone(&self.context);
        move || context.check_health()
    }

    /// Waits until every request is answered, and every mail that is due was tried. Returns `false` if a request is not answered by
    /// `deadline`.
    pub fn wait(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let is_done = self.listener.wait(deadline);
        if let Some(mailer) = self.context.mailer.as_ref().filter(|_| is_done) {
            mailer.end(until.saturating_duration_since(Instant::now()));
        }
        self.pushing.wait(until.saturating_duration_since(Instant::now()).min(PUSH_FLUSH_MAX));
        is_done
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end.begin();
    }
}

/// Removes expired rows, at the start and every hour.
fn sweep(store: &Store, shutdown: &Shutdown) {
    loop {
        if let Err(error) = store.sweep(store.now()) {
            tracing::warn!(%error, "expired data cannot be deleted; the next sweep tries again");
        }
        if let Err(error) = store.sweep_push_hosts(store.now() - PUSH_HOST_KEPT_MS) {
            tracing::warn!(%error, "unused hosts of push services cannot be deleted; the next sweep tries again");
        }
        if shutdown.wait_for(SWEEP_INTERVAL) {
            return;
        }
    }
}
