//! The one table of what can be asked. `openapi.json` describes the same; a test holds them together.

use sql::Session;

use crate::context::Context;
use crate::error::ApiError;
use crate::request::Request;
use crate::response::Response;
use crate::verb::{
    export, health, login, logout, me, openapi, password, root, sessions, signup, users,
};

type Outcome = Result<Response, ApiError>;

/// What answers, and who may ask.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Anyone.
    Anyone(fn(&Context, &Request) -> Outcome),
    /// Who shows the token of a live session.
    Owner(fn(&Context, &Request, &Session) -> Outcome),
}

/// One line of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// `{id}` stands for one segment.
    pub(crate) path: &'static str,
    pub(crate) handler: Handler,
}

const fn anyone(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request) -> Outcome,
) -> Route {
    Route { method, path, handler: Handler::Anyone(handler) }
}

const fn owner(
    method: &'static str,
    path: &'static str,
    handler: fn(&Context, &Request, &Session) -> Outcome,
) -> Route {
    Route { method, path, handler: Handler::Owner(handler) }
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
    owner("GET", "/users", users::find),
    owner("GET", "/users/{id}", users::show),
    owner("GET", "/export", export::export),
    anyone("GET", "/healthz", health::health),
    anyone("GET", "/livez", health::alive),
    anyone("GET", "/openapi.json", openapi::openapi),
    anyone("GET", "/", root::root),
];

/// Answers a request. HEAD is a GET whose body the library leaves out.
///
/// # Errors
/// What the handler refuses; 404 and 405 for what the table does not have.
pub(crate) fn answer(context: &Context, request: &Request) -> Outcome {
    let here = || ROUTES.iter().filter(|route| fits(route.path, &request.path));
    let method = if request.method == "HEAD" { "GET" } else { &request.method };
    match here().find(|route| route.method == method).map(|route| route.handler) {
        Some(Handler::Anyone(handler)) => handler(context, request),
        Some(Handler::Owner(handler)) => handler(context, request, &context.session(request)?),
        None if here().next().is_none() => Err(ApiError::not_found("there is no such page")),
        None => {
            let mut allow: Vec<_> = here().map(|route| route.method).collect();
            if allow.contains(&"GET") {
                allow.push("HEAD");
            }
            Err(ApiError::method_not_allowed(allow.join(", ")))
        }
    }
}

/// The path as the table has it, for the log: what strangers put into a path may be anyone's email.
pub(crate) fn name(path: &str) -> &'static str {
    ROUTES.iter().find(|route| fits(route.path, path)).map_or("(unknown)", |route| route.path)
}

/// The last segment of a path, for routes that end in `{id}`.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, segment)| segment)
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
