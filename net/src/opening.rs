//! A server that is there before it can do anything: from the first moment somebody answers.

use std::io;
use std::sync::{Arc, OnceLock};

use crate::listener::{Listener, ListenerConfig, Serving};
use crate::reply::Reply;
use crate::request::Request;
use crate::shutdown::Shutdown;

type Handle = Box<dyn Fn(Request) + Send + Sync>;

/// A listener that answers 503 until it is [opened](Opening::open).
pub struct Opening {
    serving: Serving,
    handle: Arc<OnceLock<Handle>>,
}

impl Listener {
    /// Accepts until `shutdown` begins, and says until it is opened that the server is starting.
    ///
    /// # Errors
    /// As [`Listener::serve`].
    pub fn begin(self, config: ListenerConfig, shutdown: &Shutdown) -> io::Result<Opening> {
        let handle = Arc::<OnceLock<Handle>>::default();
        let opened = Arc::clone(&handle);
        let serving = self.serve(config, shutdown, move |request| match opened.get() {
            Some(handle) => handle(request),
            None => {
                let reply = starting(request.head.path());
                request.reply(reply);
            }
        })?;
        Ok(Opening { serving, handle })
    }
}

impl Opening {
    /// From now on `handle` answers.
    pub fn open(self, handle: impl Fn(Request) + Send + Sync + 'static) -> Serving {
        // Nobody else can have set it.
        let _ = self.handle.set(Box::new(handle));
        self.serving
    }
}

fn starting(path: &str) -> Reply {
    let sentence = "the server is starting: its database is not open yet";
    match path {
        "/livez" => crate::ops::alive(),
        "/healthz" => Reply::error(503, "starting", sentence),
        _ => Reply::error(503, "unavailable", sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_first_moment_somebody_answers() {
        assert_eq!(starting("/livez").status, 200);
        let (health, other) = (starting("/healthz"), starting("/me"));
        assert_eq!((health.status, other.status), (503, 503));
        assert!(String::from_utf8_lossy(&health.body).contains("\"starting\""));
    }
}
