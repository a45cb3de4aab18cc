//! The server: the door in front, the HTTP library behind it, the sweeper beside them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::limit::SERVICE_STACK_BYTES;
use door::{Caller, Listener, Reply, Shutdown};
use sql::Store;

use crate::args::Config;
use crate::behind;
use crate::context::Context;
use crate::limit::{BODY_BYTES_MAX, SWEEP_INTERVAL};
use crate::request::now;
use crate::token;

/// A server that serves.
pub struct Serving {
    door: door::Serving,
    /// Thrown when nobody can ask any more.
    end: Shutdown,
}

/// Serves accounts until `shutdown` begins, and says in the log on which address.
///
/// # Errors
/// The private socket cannot be had, there is no thread, or no random number.
pub fn serve(
    config: Config,
    listener: Listener,
    store: Arc<Store>,
    shutdown: &Shutdown,
) -> io::Result<Serving> {
    let address = listener.local_addr()?;
    let end = Shutdown::new();
    let sweeping = (Arc::clone(&store), shutdown.clone());
    let (erased, stopped) = (Arc::clone(&store), shutdown.clone());
    door::thread::spawn("auth-erase", SERVICE_STACK_BYTES, move || {
        erased.keep_erasing(|time| stopped.wait_for(time));
    })?;
    let context = Context::new(store, config.signup_rate).map_err(io::Error::other)?;
    let socket = behind::serve(Arc::new(context), &end)?;
    let sweep = move || sweep(&sweeping.0, &sweeping.1);
    door::thread::spawn("auth-sweep", SERVICE_STACK_BYTES, sweep)?;
    let prefix = token::prefix()?;
    let admit = move |caller: Caller| {
        let request_id = format!("{prefix}-{}", caller.id);
        admit(caller, socket.path(), &request_id);
    };
    let door = listener.serve(config.door, shutdown, admit)?;
    tracing::info!("auth listening on {address}");
    Ok(Serving { door, end })
}

impl Serving {
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
fn admit(mut caller: Caller, socket: &Path, request_id: &str) {
    let begin = Instant::now();
    match caller.body(BODY_BYTES_MAX) {
        Ok(body) => door::relay::relay(caller, body, socket, request_id),
        Err(refusal) => {
            let _inside = door::log::inside("request", request_id);
            let (status, code) = (refusal.status, refusal.code);
            let (method, path) = (caller.head.method.clone(), caller.head.path().to_owned());
            caller.reply(Reply::from(refusal).with_header("X-Request-Id", request_id));
            behind::answered(&method, &path, status, Some(code), begin);
        }
    }
}

/// Removes what has expired, at the start and every hour.
fn sweep(store: &Store, shutdown: &Shutdown) {
    loop {
        if let Err(error) = store.sweep(now()) {
            tracing::warn!(%error, "what has expired is not swept");
        }
        if shutdown.wait_for(SWEEP_INTERVAL) {
            return;
        }
    }
}
