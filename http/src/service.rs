//! The service of a server: its routes and their handlers.

use std::time::Duration;

use crate::head::Head;
use crate::request::{Request, Upgrade};
use crate::response::Response;

/// Answers the requests of a server.
pub trait Service: Send + Sync + 'static {
    /// Chooses the route of a request, by its head, before the body is read.
    fn route<'a>(&'a self, head: &Head) -> Route<'a>;

    /// The media type that the body of a web page's request must have.
    fn body_type(&self, head: &Head) -> &'static str {
        let _ = head;
        "application/json"
    }

    /// Serves an upgraded connection until it ends. Called for [`Route::Upgrade`].
    fn upgrade(&self, upgrade: Upgrade) {
        drop(upgrade);
    }

    /// Called after a response was sent, for a log or metrics. Also called for requests that were refused before
    /// [`Service::route`].
    fn answered(&self, answered: &Answered<'_>) {
        let _ = answered;
    }
}

/// A handler: a function from a request to a response.
pub type Handler<'a> = Box<dyn FnOnce(Request<'_>) -> Response + 'a>;

/// The route of a request: what answers it.
pub enum Route<'a> {
    /// A handler. It is called once the body is available in the form of the policy.
    Respond(BodyPolicy, Handler<'a>),
    /// The connection is upgraded to another protocol: [`Service::upgrade`].
    Upgrade,
}

/// The form in which a handler gets the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPolicy {
    /// The handler gets no body. If the client sends one, it is ignored.
    Ignored,
    /// The handler gets the whole body. A body with more than this number of bytes is refused with 413.
    Whole(usize),
    /// The handler reads the body while it arrives, at most this number of bytes.
    Stream(u64),
}

impl<'a> Route<'a> {
    /// A handler that needs no body.
    pub fn respond(handler: impl FnOnce(Request<'_>) -> Response + 'a) -> Self {
        Self::Respond(BodyPolicy::Ignored, Box::new(handler))
    }

    /// A handler with a whole body of at most `max` bytes.
    pub fn whole(max: usize, handler: impl FnOnce(Request<'_>) -> Response + 'a) -> Self {
        Self::Respond(BodyPolicy::Whole(max), Box::new(handler))
    }

    /// A handler that reads the body while it arrives, at most `max` bytes.
    pub fn stream(max: u64, handler: impl FnOnce(Request<'_>) -> Response + 'a) -> Self {
        Self::Respond(BodyPolicy::Stream(max), Box::new(handler))
    }

    /// A response that does not depend on the request's body.
    pub fn fixed(response: impl Into<Response>) -> Self {
        let response = response.into();
        Self::respond(move |_| response)
    }
}

/// A request that was answered, for a log or metrics.
#[derive(Debug)]
pub struct Answered<'a> {
    /// The request ID in the log and in `X-Request-Id`.
    pub request_id: &'a str,
    /// Its method, as sent; empty if the head could not be read.
    pub method: &'a str,
    /// Its path, decoded. A client may put any text into it.
    pub path: &'a str,
    /// The status of the response.
    pub status: u16,
    /// The code of an error.
    pub code: Option<&'static str>,
    /// From the end of the head to the end of the response.
    pub time: Duration,
}
