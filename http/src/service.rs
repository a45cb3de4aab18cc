//! What a server does with requests.

use std::time::Duration;

use crate::head::Head;
use crate::request::{Request, Upgrade};
use crate::response::Response;

/// A server, as the connections see it.
pub trait Service: Send + Sync + 'static {
    /// Chooses what answers a request, before its body is read.
    fn route<'a>(&'a self, head: &Head) -> Route<'a>;

    /// Serves a connection that has left HTTP, until it ends. Called for [`Route::Upgrade`].
    fn upgrade(&self, upgrade: Upgrade) {
        drop(upgrade);
    }

    /// Learns how a request was answered, for a log or metrics. Also called for requests that were refused before
    /// [`Service::route`].
    fn answered(&self, answered: &Answered<'_>) {
        let _ = answered;
    }
}

/// A function from a request to a response.
pub type Handler<'a> = Box<dyn FnOnce(Request<'_>) -> Response + 'a>;

/// What answers a request.
pub enum Route<'a> {
    /// A handler, once the body is there as the policy says.
    Respond(BodyPolicy, Handler<'a>),
    /// The connection leaves HTTP: [`Service::upgrade`].
    Upgrade,
}

/// What a route does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPolicy {
    /// The handler gets no body. One that was sent all the same is ignored.
    Ignored,
    /// The handler gets the whole body; one of more than that many bytes is refused with 413.
    Whole(usize),
    /// The handler reads the body while it comes, at most that many bytes of it.
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

    /// A handler that reads at most `max` bytes of body while they come.
    pub fn stream(max: u64, handler: impl FnOnce(Request<'_>) -> Response + 'a) -> Self {
        Self::Respond(BodyPolicy::Stream(max), Box::new(handler))
    }

    /// A response that does not depend on the request's body.
    pub fn fixed(response: impl Into<Response>) -> Self {
        let response = response.into();
        Self::respond(move |_| response)
    }
}

/// How a request was answered.
#[derive(Debug)]
pub struct Answered<'a> {
    /// The request's name in the log and in `X-Request-Id`.
    pub request_id: &'a str,
    /// Its method, as sent; empty if the head could not be read.
    pub method: &'a str,
    /// Its path, decoded: a stranger's words.
    pub path: &'a str,
    /// The status of the response.
    pub status: u16,
    /// The stable word of an error.
    pub code: Option<&'static str>,
    /// From the end of the head to the end of the response.
    pub time: Duration,
}
