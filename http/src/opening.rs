//! A server that answers 503 while its database is still being opened.

use std::io;
use std::sync::{Arc, OnceLock};

use net::{Listener, Serving, Shutdown};

use crate::head::Head;
use crate::ops;
use crate::request::Upgrade;
use crate::response::Response;
use crate::server::{ServerConfig, serve};
use crate::service::{Answered, Route, Service};

/// A listener that answers 503 until it is [opened](Opening::open).
pub struct Opening {
    serving: Serving,
    service: Arc<OnceLock<Box<dyn Service>>>,
}

/// Accepts connections until `shutdown` begins. Until [`Opening::open`] the answer to every request is that the server is
/// starting.
///
/// # Errors
/// As [`serve`].
pub fn begin(listener: Listener, config: ServerConfig, shutdown: &Shutdown) -> io::Result<Opening> {
    let service = Arc::<OnceLock<Box<dyn Service>>>::default();
    let serving = serve(listener, config, shutdown, Starting(Arc::clone(&service)))?;
    Ok(Opening { serving, service })
}

impl Opening {
    /// From now on `service` answers the requests.
    pub fn open(self, service: impl Service) -> Serving {
        // `open` consumes this value, so the service has not been set before.
        let _ = self.service.set(Box::new(service));
        self.serving
    }
}

/// The service if it has been set, otherwise the response that the server is starting.
struct Starting(Arc<OnceLock<Box<dyn Service>>>);

impl Service for Starting {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        self.0.get().map_or_else(|| Route::fixed(starting(head.path())), |it| it.route(head))
    }

    fn body_type(&self, head: &Head) -> &'static str {
        self.0.get().map_or("application/json", |it| it.body_type(head))
    }

    fn upgrade(&self, upgrade: Upgrade) {
        if let Some(service) = self.0.get() {
            service.upgrade(upgrade);
        }
    }

    fn answered(&self, answered: &Answered<'_>) {
        if let Some(service) = self.0.get() {
            service.answered(answered);
        }
    }
}

fn starting(path: &str) -> Response {
    let sentence = "the server is starting: its database is not open yet";
    match path {
        "/livez" => ops::alive(),
        "/healthz" => Response::error(503, "starting", sentence),
        _ => Response::error(503, "unavailable", sentence),
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
        assert_eq!(health.code, Some("starting"));
    }
}
