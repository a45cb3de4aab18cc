//! The server: the listener, the HTTP library, the threads that maintain the database.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::{Opening, Request, Shutdown};
use os_thread::SERVICE_STACK_BYTES;
use sql::Store;
use telemetry::health::Unhealthy;

use crate::args::Config;
use crate::backend;
use crate::context::Context;
use crate::limit::{BODY_BYTES_MAX, SWEEP_INTERVAL};
use crate::metrics;

/// Paths that the chat server answers, where it runs in the same process.
const CHAT_PATHS: [&str; 3] = ["/ws", "/schema.json", "/asyncapi.json"];

/// What answers `CHAT_PATHS`.
pub type Chat = Box<dyn Fn(Request) + Send + Sync>;

/// A server that serves.
pub struct Serving {
    listener: net::Serving,
    /// Thrown when nobody can ask any more.
    end: Shutdown,
    health: Health,
}

/// What tells whether the server can do its job.
#[derive(Clone)]
struct Health(Arc<Context>);

impl Health {
    fn check(&self) -> Result<(), Unhealthy> {
        if !self.0.heartbeat.is_recent() {
            return Err(Unhealthy::new("not_serving", "the HTTP library takes no requests"));
        }
        metrics::CLOCK_AHEAD.set(self.0.store.clock_doubt() / 1000);
        self.0.store.health().map_err(|it| Unhealthy::new(it.code, it.reason))
    }
}

/// Serves accounts until `shutdown` begins, and says in the log on which address. With `chat` one port is enough for both
/// servers: it gets the requests for `/ws` and for the descriptions of the protocol.
///
/// # Errors
/// The private socket cannot be had, there is no thread, or no random number.
pub fn serve(
    config: &Config,
    opening: Opening,
    store: Arc<Store>,
    shutdown: &Shutdown,
    chat: Option<Chat>,
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
    let context = Context::new(store, config.signup_rate).map_err(io::Error::other)?;
    let health = Health(Arc::new(context));
    let socket = backend::serve(Arc::clone(&health.0), &end)?;
    let told = health.clone();
    let sweep = move || sweep(&sweeping.0, &sweeping.1);
    os_thread::spawn("auth-sweep", SERVICE_STACK_BYTES, sweep)?;
    let admit = move |request: Request| {
        if let Some(chat) = chat.as_ref().filter(|_| CHAT_PATHS.contains(&request.head.path())) {
            return chat(request);
        }
        let request_id = request.request_id();
        admit(request, socket.path(), &request_id, &told);
    };
    let listener = opening.open(admit);
    listener.log_endpoints("http");
    Ok(Serving { listener, end, health })
}

impl Serving {
    /// Whether it can do its job now.
    pub fn readiness(&self) -> impl Fn() -> Result<(), Unhealthy> + Send + Sync + 'static {
        let health = self.health.clone();
        move || health.check()
    }

    /// Waits until every request has been answered; false if `deadline` passes first.
    pub fn wait(&self, deadline: Duration) -> bool {
        self.listener.wait(deadline)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end.begin();
    }
}

/// Reads a request's body and passes it on whole; what is no request is refused here.
/// Who asks how it is must not wait for what hangs.
#[inline(never)] // A chat connection sleeps above whatever this frame would hold.
fn admit(mut request: Request, socket: &Path, request_id: &str, health: &Health) {
    let begin = Instant::now();
    let is_read = matches!(request.head.method.as_str(), "GET" | "HEAD");
    let told = match request.head.path() {
        "/healthz" if is_read => Some(net::ops::health(health.check())),
        "/livez" if is_read => Some(net::ops::alive()),
        _ => None,
    };
    if let Some(reply) = told {
        let _context = telemetry::log::context("request", request_id);
        let (method, path) = (request.head.method.clone(), request.head.path().to_owned());
        let status = reply.status;
        request.reply(reply);
        let code = (status != 200).then_some("unavailable");
        return backend::answered(&method, &path, status, code, begin);
    }
    match request.body(BODY_BYTES_MAX) {
        Ok(body) => net::relay::relay(request, body, socket, request_id),
        Err(refusal) => {
            let _context = telemetry::log::context("request", request_id);
            let (status, code) = (refusal.status, refusal.code);
            let (method, path) = (request.head.method.clone(), request.head.path().to_owned());
            request.reply(refusal);
            backend::answered(&method, &path, status, Some(code), begin);
        }
    }
}

/// Removes what has expired, at the start and every hour.
fn sweep(store: &Store, shutdown: &Shutdown) {
    loop {
        if let Err(error) = store.sweep(store.now()) {
            tracing::warn!(%error, "what has expired is not swept");
        }
        if shutdown.wait_for(SWEEP_INTERVAL) {
            return;
        }
    }
}
