//! The table of routes. `openapi.json` describes the same routes, and a test compares the two.

use http::{BodyPolicy, Response};
use sql::Session;

use crate::context::Context;
use crate::error::ApiError;
use crate::limit::BODY_BYTES_MAX;
use crate::request::Request;
use crate::verb::{
    export, health, login, logout, me, openapi, password, root, sessions, signup, ticket, users,
};

pub(crate) type Outcome = Result<Response, ApiError>;

/// The handler of a route, and who may call it.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Every client.
    Anyone(fn(&Context, &Request) -> Outcome),
    /// Clients with the token of a live session.
    Owner(fn(&Context, &Request, &Session) -> Outcome),
}

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// On the HTTP library's side of the private socket (decision 4).
    Library,
    /// On the connection's own thread: for documents that take no time, and for streams, which never pass through the
    /// library.
    Connection,
}

/// A line of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// `{id}` stands for one segment.
    pub(crate) path: &'static str,
    pub(crate) handler: Handler,
    pub(crate) runs: Runs,
}

impl Route {
    /// The policy for the body. Only requests that change something have one.
    pub(crate) fn body(&self) -> BodyPolicy {
        match self.method {
            "GET" => BodyPolicy::Ignored,
            _ => BodyPolicy::Whole(BODY_BYTES_MAX),
        }
    }

    /// Answers a request for this route.
    ///
    /// # Errors
    /// The refusal by the handler.
    pub(crate) fn answer(&self, context: &Context, request: &Request) -> Outcome {
        match self.handler {
            Handler::Anyone(handler) => handler(context, request),
            Handler::Owner(handler) => handler(context, request, &context.session(request)?),
        }
    }

    const fn on_connection(self) -> Self {
        Self { runs: Runs::Connection, ..self }
    }
}

const fn anyone(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request) -> Outcome,
) -> Route {
    Route { method, path, handler: Handler::Anyone(handler), runs: Runs::Library }
}

const fn owner(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request, &Session) -> Outcome,
) -> Route {
    Route { method, path, handler: Handler::Owner(handler), runs: Runs::Library }
}

pub(crate) static ROUTES: &[Route] = &[
    anyone("POST", "/signup", signup::signup),
    anyone("POST", "/login", login::login),
    owner("POST", "/logout", logout::logout),
    owner("GET", "/me", me::show),
    owner("PATCH", "/me", me::rename),
    owner("DELETE", "/me", me::delete),
    owner("POST", "/password", password::change),
    owner("GET", "/sessions", sessions::list),
    owner("DELETE", "/sessions/{id}", sessions::revoke),
    owner("POST", "/ticket", ticket::open),
    owner("GET", "/users", users::find),
    owner("GET", "/users/{id}", users::show),
    owner("GET", "/export", export::export).on_connection(),
    anyone("GET", "/healthz", health::health).on_connection(),
    anyone("GET", "/livez", health::alive).on_connection(),
    anyone("GET", "/openapi.json", openapi::openapi).on_connection(),
    anyone("GET", "/", root::root).on_connection(),
];

/// The route of a request. HEAD is treated as GET; its body is left out later.
///
/// # Errors
/// 404 or 405 for a request that the table does not have. For OPTIONS a response with the methods of the path.
pub(crate) fn find(method: &str, path: &str) -> Result<&'static Route, Response> {
    let here = || ROUTES.iter().filter(|route| fits(route.path, path));
    let wanted = if method == "HEAD" { "GET" } else { method };
    if let Some(route) = here().find(|route| route.method == wanted) {
        return Ok(route);
    }
    if here().next().is_none() {
        return Err(ApiError::not_found("there is no such page").into());
    }
    let mut allow: Vec<_> = here().map(|route| route.method).collect();
    if allow.contains(&"GET") {
        allow.push("HEAD");
    }
    allow.push("OPTIONS");
    let allow = allow.join(", ");
    match method {
        "OPTIONS" => Err(Response::no_content().with_header("Allow", allow)),
        _ => Err(ApiError::method_not_allowed(allow).into()),
    }
}

/// The path in the form of the table, for the log: clients may put emails into a path.
pub(crate) fn name(path: &str) -> &'static str {
    if let Some(file) = web_client::asset(path) {
        return file.path;
    }
    ROUTES.iter().find(|route| fits(route.path, path)).map_or("(unknown)", |route| route.path)
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("{id}") {
        Some(prefix) => path
            .strip_prefix(prefix)
            .is_some_and(|segment| !segment.is_empty() && !segment.contains('/')),
        None => pattern == path,
    }
}

#[cfg(test)]
#[path = "route/tests.rs"]
mod tests;
