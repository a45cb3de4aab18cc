//! The server: the door in front, the HTTP library behind it, the sweeper beside them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::limit::SERVICE_STACK_BYTES;
use door::ops::Unwell;
use door::{Caller, Opening, Shutdown};
use sql::Store;

use crate::args::Config;
use crate::behind;
use crate::context::Context;
use crate::limit::{BODY_BYTES_MAX, SWEEP_INTERVAL};
use crate::metrics;

/// Paths that the chat server answers, where it runs in the same process.
const CHAT_PATHS: [&str; 3] = ["/ws", "/schema.json", "/asyncapi.json"];

/// What answers `CHAT_PATHS`.
pub type Chat = Box<dyn Fn(Caller) + Send + Sync>;

/// A server that serves.
pub struct Serving {
    door: door::Serving,
    /// Thrown when nobody can ask any more.
    end: Shutdown,
    health: Health,
}

/// What tells whether the server can do its job.
#[derive(Clone)]
struct Health(Arc<Context>);

impl Health {
    fn check(&self) -> Result<(), Unwell> {
        if !self.0.pulse.beats() {
            return Err(Unwell::new("not_serving", "the HTTP library takes no requests"));
        }
        metrics::CLOCK_AHEAD.set(self.0.store.clock_doubt() / 1000);
        self.0.store.health().map_err(|it| Unwell::new(it.code, it.reason))
    }
}

/// Serves accounts until `shutdown` begins, and says in the log on which address. With `chat` one port is enough for both
/// servers: it gets the callers for `/ws` and for the descriptions of the protocol.
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
    door::thread::spawn("auth-erase", SERVICE_STACK_BYTES, move || {
        erased.run_eraser(|time| stopped.wait_for(time));
    })?;
    let (probed, stopped) = (Arc::clone(&store), shutdown.clone());
    door::thread::spawn("auth-probe", SERVICE_STACK_BYTES, move || {
        probed.run_health_probes(|time| stopped.wait_for(time));
    })?;
    let context = Context::new(store, config.signup_rate).map_err(io::Error::other)?;
    let health = Health(Arc::new(context));
    let socket = behind::serve(Arc::clone(&health.0), &end)?;
    let told = health.clone();
    let sweep = move || sweep(&sweeping.0, &sweeping.1);
    door::thread::spawn("auth-sweep", SERVICE_STACK_BYTES, sweep)?;
    let admit = move |caller: Caller| {
        if let Some(chat) = chat.as_ref().filter(|_| CHAT_PATHS.contains(&caller.head.path())) {
            return chat(caller);
        }
        let request_id = caller.request_id();
        admit(caller, socket.path(), &request_id, &told);
    };
    let door = opening.open(admit);
    door.log_endpoints("http");
    Ok(Serving { door, end, health })
}

impl Serving {
    /// Whether it can do its job now.
    pub fn readiness(&self) -> impl Fn() -> Result<(), Unwell> + Send + Sync + 'static {
        let health = self.health.clone();
        move || health.check()
    }

    /// Waits until every request has been answered; false if `deadline` passes first.
    pub fn wait(&self, deadline: Duration) -> bool {
        self.door.wait(deadline)
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
fn admit(mut caller: Caller, socket: &Path, request_id: &str, health: &Health) {
    let begin = Instant::now();
    let is_read = matches!(caller.head.method.as_str(), "GET" | "HEAD");
    let told = match caller.head.path() {
        "/healthz" if is_read => Some(door::ops::health(health.check())),
        "/livez" if is_read => Some(door::ops::well()),
        _ => None,
    };
    if let Some(reply) = told {
        let _inside = door::log::inside("request", request_id);
        let (method, path) = (caller.head.method.clone(), caller.head.path().to_owned());
        let status = reply.status;
        caller.reply(reply);
        let code = (status != 200).then_some("unavailable");
        return behind::answered(&method, &path, status, code, begin);
    }
    match caller.body(BODY_BYTES_MAX) {
        Ok(body) => door::relay::relay(caller, body, socket, request_id),
        Err(refusal) => {
            let _inside = door::log::inside("request", request_id);
            let (status, code) = (refusal.status, refusal.code);
            let (method, path) = (caller.head.method.clone(), caller.head.path().to_owned());
            caller.reply(refusal);
            behind::answered(&method, &path, status, Some(code), begin);
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
